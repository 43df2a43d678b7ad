"""Small changes to a module, each of which some test should notice."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

__all__ = ["Mutant", "mutants"]

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_OPERATIONS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
#: Conditions that are changed for what they are.
_HANDLED = (ast.Compare, ast.BoolOp, ast.UnaryOp, ast.Constant)


@dataclass(frozen=True)
class Mutant:
    """
    One change.

    Args:
        where: Function or class that it is in; empty at the level of the module.
        line: Where it begins, from 1.
        before: What stands there.
        after: What stands there instead.
        source: The whole module with it.
        number: Which of several that are alike, from 1.
    """

    where: str
    line: int
    before: str
    after: str
    source: str
    number: int = 1

    @property
    def name(self) -> str:
        """What it is called where it is listed; does not change with what stands elsewhere."""
        before, after = (" ".join(text.split()) for text in (self.before, self.after))
        number = f" #{self.number}" if self.number > 1 else ""
        return f"{self.where}: {before} -> {after}{number}"


def mutants(source: str) -> list[Mutant]:
    """
    Every change of a module's source, in the order of the source.

    Comparisons are flipped, conditions negated, ``and`` and ``or`` swapped, whole numbers increased
    by one, operators replaced, and statements left out. Annotations, docstrings and what is only
    for type checkers stay as they are.
    """
    encoded = source.encode()
    starts = [0]
    for text in encoded.splitlines(keepends=True):
        starts.append(starts[-1] + len(text))
    made: list[Mutant] = []
    for where, node, after in _changes(ast.parse(source), ""):
        begin = starts[node.lineno - 1] + node.col_offset
        end = starts[(node.end_lineno or 0) - 1] + (node.end_col_offset or 0)
        changed = encoded[:begin] + after.encode() + encoded[end:]
        made.append(
            Mutant(where, node.lineno, encoded[begin:end].decode(), after, changed.decode())
        )
    seen: Counter[str] = Counter()
    numbered: list[Mutant] = []
    for mutant in sorted(made, key=lambda mutant: mutant.line):
        seen[mutant.name] += 1
        numbered.append(replace(mutant, number=seen[mutant.name]))
    return numbered


Change = tuple[str, "ast.expr | ast.stmt", str]


def _changes(node: ast.AST, where: str) -> Iterator[Change]:
    for child in _children(node):
        inner = where
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            inner = f"{where}.{child.name}".lstrip(".")
        if isinstance(child, ast.If | ast.While) and not isinstance(child.test, _HANDLED):
            yield where, child.test, f"(not {ast.unparse(child.test)})"
        if isinstance(child, ast.stmt):
            yield from ((where, child, after) for after in _statement(child))
        if isinstance(child, ast.expr):
            yield from ((where, child, f"({after})") for after in _expression(child))
        yield from _changes(child, inner)


def _children(node: ast.AST) -> Iterator[ast.AST]:
    """What can be changed below a node."""
    for name, value in ast.iter_fields(node):
        if name in {"annotation", "returns", "type_params", "format_spec", "decorator_list"}:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not _fixed(child):
                yield child


def _fixed(node: ast.AST) -> bool:
    """Whether a node says nothing at run time, or nothing that a test should look at."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    if isinstance(node, ast.If):
        return isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    if isinstance(node, ast.Assign | ast.AnnAssign):
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        return isinstance(target, ast.Name) and target.id in {"__all__", "__slots__"}
    return isinstance(node, ast.JoinedStr)


def _statement(node: ast.stmt) -> Iterator[str]:
    put = isinstance(node, ast.Assign) and not isinstance(node.targets[0], ast.Name)
    if put or isinstance(node, ast.Expr | ast.AugAssign | ast.Delete | ast.Raise):
        yield "pass"
    elif isinstance(node, ast.Return) and node.value is not None:
        if not (isinstance(node.value, ast.Constant) and node.value.value is None):
            yield "return None"
    elif isinstance(node, ast.Continue):
        yield "break"
    elif isinstance(node, ast.Break):
        yield "continue"


def _expression(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        flipped = _COMPARISONS[type(node.ops[0])]()
        yield ast.unparse(ast.Compare(node.left, [flipped], node.comparators))
    elif isinstance(node, ast.Compare):
        for n, op in enumerate(node.ops):
            ops = [*node.ops[:n], _COMPARISONS[type(op)](), *node.ops[n + 1 :]]
            yield ast.unparse(ast.Compare(node.left, ops, node.comparators))
    elif isinstance(node, ast.BoolOp):
        other = ast.And() if isinstance(node.op, ast.Or) else ast.Or()
        yield ast.unparse(ast.BoolOp(other, node.values))
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield ast.unparse(node.operand)
    elif isinstance(node, ast.BinOp) and type(node.op) in _OPERATIONS:
        other_op = _OPERATIONS[type(node.op)]()
        yield ast.unparse(ast.BinOp(node.left, other_op, node.right))
    elif isinstance(node, ast.IfExp):
        yield ast.unparse(ast.IfExp(node.test, node.orelse, node.body))
    elif isinstance(node, ast.Constant) and type(node.value) is bool:
        yield repr(not node.value)
    elif isinstance(node, ast.Constant) and type(node.value) is int:
        yield repr(node.value + 1)
