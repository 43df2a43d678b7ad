"""The OpenTelemetry protocol: what is recorded as its bytes, and the ways to a collector."""
