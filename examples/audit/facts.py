"""What is measured in one source file."""

from __future__ import annotations

import ast
import io
import threading
import tokenize
import zlib
from dataclasses import dataclass

__all__ = ["Facts", "estimate", "measure"]

SKETCH = 24

# Before 3.11.8 CPython counts the depth of all trees under construction in one variable, and
# raises SystemError when threads build trees at once.
_PARSING = threading.Lock()

_BRANCHES = (
    ast.If,
    ast.For,
    ast.AsyncFor,
    ast.While,
    ast.ExceptHandler,
    ast.IfExp,
    ast.Assert,
    ast.comprehension,
)


@dataclass(frozen=True)
class Facts:
    """
    What one source file holds.

    Args:
        lines: Lines of text.
        functions: Functions and methods.
        documentable: Public functions and classes, and the module itself.
        documented: Those of them with a docstring.
        complexity: The cyclomatic complexity of its most complex function.
        worst: That function's name.
        worst_line: The line it starts at; 0 where there is no function.
        imports: Absolute imports: name, line, whether the code can do without.
        sketch: The smallest checksums of its lines; files that share code share some of them.
    """

    lines: int
    functions: int
    documentable: int
    documented: int
    complexity: int
    worst: str
    worst_line: int
    imports: tuple[tuple[str, int, bool], ...]
    sketch: tuple[int, ...]


def measure(text: str) -> Facts:
    """
    Parse a module and measure it.

    Raises:
        SyntaxError: If it is no Python of this version.
    """
    with _PARSING:
        tree = ast.parse(text)
    functions = documentable = documented = 0
    worst = ("", 0, 0)
    imports: list[tuple[str, int, bool]] = []
    # The flag says whether a failing import is provided for, or never run.
    stack: list[tuple[ast.AST, bool]] = [(tree, False)]
    while stack:
        node, optional = stack.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            functions += 1
            complexity = _complexity(node)
            if complexity > worst[1]:
                worst = (node.name, complexity, node.lineno)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            if not getattr(node, "name", "module").startswith("_"):
                documentable += 1
                documented += ast.get_docstring(node, clean=False) is not None
        elif isinstance(node, ast.Import):
            imports += ((alias.name, node.lineno, optional) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            imports.append((node.module, node.lineno, optional))
        inner = optional or isinstance(node, (ast.Try, ast.If, ast.FunctionDef))
        stack += ((child, inner) for child in ast.iter_child_nodes(node))
    return Facts(
        lines=text.count("\n") + 1,
        functions=functions,
        documentable=documentable,
        documented=documented,
        complexity=worst[1],
        worst=worst[0],
        worst_line=worst[2],
        imports=tuple(imports),
        sketch=_sketch(text),
    )


def estimate(text: str) -> int:
    """
    Functions in a file that does not parse, counted from its tokens.

    Raises:
        tokenize.TokenError: If not even its tokens can be told apart.
        SyntaxError: Likewise (an IndentationError).
    """
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return sum(token.type == tokenize.NAME and token.string == "def" for token in tokens)


def _complexity(function: ast.AST) -> int:
    total = 1
    for node in ast.walk(function):
        if isinstance(node, _BRANCHES):
            total += 1
        elif isinstance(node, ast.BoolOp):
            total += len(node.values) - 1
    return total


def _sketch(text: str) -> tuple[int, ...]:
    lines = {line.strip() for line in text.splitlines()}
    return tuple(sorted(zlib.crc32(line.encode()) for line in lines if len(line) > 20)[:SKETCH])
