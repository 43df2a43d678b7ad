"""How well seasonal anomalies are seen, against other formulas on the same data."""
