"""What ships besides the code, rendered from the declarations in `agentmon.model`."""
