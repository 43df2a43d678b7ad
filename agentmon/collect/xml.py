"""
XML, read so that a hostile file can neither grow nor reach out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final
from xml.parsers import expat

from agentmon.collect.source import Node, Source

__all__ = ["Element", "read_xml"]

_DEEPEST: Final = 200


@dataclass(slots=True)
class Element:
    """
    An element, without the text in it.

    Args:
        source: The file.
        name: Its tag.
        attributes: What it says of itself.
        line: Where it stands.
        children: What is in it.
    """

    source: Source
    name: str
    attributes: dict[str, str]
    line: int
    children: list[Element] = field(default_factory=list)

    def all(self, name: str) -> Iterator[Element]:
        """The elements of a name in it, at any depth, but not within one of that name."""
        for child in self.children:
            if child.name == name:
                yield child
            else:
                yield from child.all(name)

    def get(self, name: str) -> Node | None:
        """An attribute; None without it."""
        value = self.attributes.get(name)
        return None if value is None else Node(self.source, value, (name,), line=self.line)

    def __getitem__(self, name: str) -> Node:
        node = self.get(name)
        if node is None:
            self.source.fail(f"{self.name}: got no {name!r}, which is needed", self.line)
        return node


def read_xml(source: Source, *roots: str) -> Element:
    """
    The root of a file.

    A reference to a DTD is passed over and nothing is loaded; a DTD within the file is refused, as
    only there entities can be declared.

    Args:
        source: The file.
        roots: What its root may be.

    Raises:
        CollectError: If it is no XML, has a DTD within, or another root.
    """
    parser = expat.ParserCreate()
    open_elements: list[Element] = []
    found: list[Element] = []

    def begin(name: str, attributes: dict[str, str]) -> None:
        element = Element(source, name, attributes, parser.CurrentLineNumber)
        if not open_elements:
            found.append(element)
        elif len(open_elements) >= _DEEPEST:
            source.fail(f"got more than {_DEEPEST} levels of elements, allowed fewer", element.line)
        else:
            open_elements[-1].children.append(element)
        open_elements.append(element)

    def end(_name: str) -> None:
        open_elements.pop()

    def doctype(_name: str, _system: object, _public: object, has_internal: int) -> None:
        if has_internal:
            refuse()

    def refuse(*_: object) -> None:
        source.fail("got a DTD within the file, allowed XML without", parser.CurrentLineNumber)

    parser.StartElementHandler = begin
    parser.EndElementHandler = end
    parser.StartDoctypeDeclHandler = doctype
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(source.read(), True)  # noqa: FBT003  # so it is called
    except expat.ExpatError as error:
        source.fail(f"got no XML: {expat.ErrorString(error.code)}", error.lineno)
    (root,) = found
    if root.name not in roots:
        source.fail(f"got <{root.name}>, allowed {' or '.join(f'<{r}>' for r in roots)}", root.line)
    return root
