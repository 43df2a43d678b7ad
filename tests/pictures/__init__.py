"""Draws the dashboards as pictures: ``make pictures``."""
