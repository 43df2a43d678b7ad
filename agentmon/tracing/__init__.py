"""Light spans, for programs whose spans agentmon exports: OpenTelemetry's API without its SDK."""
