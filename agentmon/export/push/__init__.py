"""Metrics pushed out of the process, for runs that end before anybody scrapes them."""
