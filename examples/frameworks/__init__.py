"""Agents built with frameworks, measured without a line changed in them."""
