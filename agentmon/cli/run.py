"""``agentmon run``: a program, measured without a line changed in it."""

from __future__ import annotations

import argparse
import builtins
import io
import os
import pkgutil
import runpy
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType, TracebackType

from agentmon.cli.command import Commands
from agentmon.errors import AgentmonError

__all__ = ["add", "start"]

_BAD_USE = 2


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    run = commands.add_parser(
        "run",
        help="run a program, and measure the libraries that it uses",
        usage="agentmon run [-h] (FILE | -m MODULE) [ARGUMENT ...]",
        description="Run a program as python itself would, and measure the libraries that it "
        "uses: all that are known, or those that AGENTMON_INSTRUMENT names. Whatever else is to "
        "be set is said by variables, such as AGENTMON_SERVE, until the program calls configure() "
        "itself.",
        allow_abbrev=False,
    )
    run.add_argument(
        "-m",
        dest="module",
        metavar="MODULE",
        nargs=argparse.REMAINDER,
        help="run a module instead, with what follows as its arguments",
    )
    run.add_argument(
        "program",
        metavar="FILE",
        nargs=argparse.REMAINDER,
        help="program to run, or a folder or archive with a __main__.py, and its arguments",
    )
    run.set_defaults(run=start, refuse=run.error)


def start(chosen: argparse.Namespace) -> int:
    """
    Run the program that was chosen.

    Returns:
        The exit status: 0; 2 if the program cannot be read, or the variables cannot be used. What
        the program raises, `SystemExit` too, passes through.
    """
    line: list[str] = chosen.module or chosen.program
    if not line:
        chosen.refuse("got no program, allowed a file, or -m and a module")
    from agentmon._runtime import stand_in  # noqa: PLC0415  # other commands need none of it

    try:
        stand_in()
    except AgentmonError as error:
        print(f"agentmon run: {error}", file=sys.stderr)
        return _BAD_USE
    sys.argv = list(line)
    sys.modules["__main__"] = main = ModuleType("__main__")
    vars(main).update(__builtins__=builtins, __annotations__={})
    if chosen.module:
        _look_first_in(str(Path.cwd()))
        _run_module(line[0], alter_argv=True)
    elif pkgutil.get_importer(line[0]) is not None:
        _look_first_in(_whole(line[0]))
        _run_module("__main__", alter_argv=False)
    else:
        return _run_file(line[0], main)
    return 0


def _look_first_in(folder: str) -> None:
    """Have modules found where python would look for them first."""
    if not (sys.flags.isolated or getattr(sys.flags, "safe_path", False)):
        sys.path[0] = folder


def _whole(path: str) -> str:
    """A path as python says it, which does not make it shorter."""
    return os.path.join(Path.cwd(), path)  # noqa: PTH118


def _run_file(path: str, main: ModuleType) -> int:
    try:
        with io.open_code(os.fsdecode(path)) as file:
            compiled = pkgutil.read_code(file)
            file.seek(0)
            source = file.read()
    except OSError as error:
        print(f"agentmon run: cannot open {path!r}: {error.strerror}", file=sys.stderr)
        return _BAD_USE
    whole = _whole(path)
    _look_first_in(os.path.dirname(os.path.realpath(path)))  # noqa: PTH120  # text, as the others
    loader = SourceFileLoader("__main__", whole)
    vars(main).update(__file__=whole, __cached__=None, __loader__=loader)
    try:
        exec(compiled or compile(source, whole, "exec", dont_inherit=True), vars(main))  # noqa: S102  # it is the program
    except BaseException as error:
        _leave_us_out(error)
        raise
    return 0


def _run_module(name: str, *, alter_argv: bool) -> None:
    try:
        # What `python -m` does. What is public of runpy takes the module away when it returns.
        runpy._run_module_as_main(name, alter_argv)  # type: ignore[attr-defined]  # noqa: SLF001
    except BaseException as error:
        _leave_us_out(error)
        raise


def _leave_us_out(error: BaseException) -> None:
    """Have the traceback of an error that nobody handles begin where the program does."""
    traceback = error.__traceback__
    theirs = None if traceback is None else traceback.tb_next
    hook = sys.excepthook

    def without_us(
        kind: type[BaseException], value: BaseException, traceback: TracebackType | None
    ) -> None:
        if value is error:
            traceback = theirs
            value.__traceback__ = theirs
        hook(kind, value, traceback)

    sys.excepthook = without_us
