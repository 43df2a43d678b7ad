"""The options by which a command is let in where it asks."""

from __future__ import annotations

import argparse
import os

from agentmon.export.top import authorization

__all__ = ["add_entry", "authorization_of"]


def add_entry(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    entry = parser.add_argument_group(
        "to be let in",
        "User, password and token can also come from the variables AGENTMON_ACCESS_USER, "
        "AGENTMON_ACCESS_PASSWORD or ..._PASSWORD_FILE, AGENTMON_ACCESS_TOKEN or ..._TOKEN_FILE.",
    )
    entry.add_argument("--user", metavar="NAME", help="user to ask as")
    entry.add_argument("--password-file", metavar="FILE", help="file with the password")
    entry.add_argument("--token-file", metavar="FILE", help="file with a token to show instead")
    entry.add_argument("--ca", metavar="FILE", help="authority that the certificate is from")
    entry.add_argument("--certificate", metavar="FILE", help="certificate to show")
    entry.add_argument("--key", metavar="FILE", help="its key, if that is in another file")
    entry.add_argument(
        "--insecure",
        action="store_true",
        help="take any certificate; who is in between can read everything",
    )


def authorization_of(chosen: argparse.Namespace) -> str:
    """
    The header field that they ask for.

    Raises:
        StatusError: If they do not fit together, or a file cannot be read.
    """
    return authorization(os.environ, chosen.user, chosen.password_file, chosen.token_file)
