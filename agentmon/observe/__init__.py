"""What is looked at beside calls: health, resources."""
