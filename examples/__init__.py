"""Programs that show how agentmon is used. Each says in its docstring how to run it."""
