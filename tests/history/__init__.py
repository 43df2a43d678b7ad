"""A history of known truth, on real servers."""
