"""``python -m agentmon``: the command."""

from __future__ import annotations

import sys

from agentmon.cli import main

if __name__ == "__main__":
    sys.exit(main())
