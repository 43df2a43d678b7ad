"""How users mark their code: decorators, context managers and handles."""
