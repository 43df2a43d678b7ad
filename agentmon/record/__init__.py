"""The hot path: counts and histograms. No I/O, no logging, never raises into the host."""
