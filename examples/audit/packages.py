"""The subjects of the audit: installed distributions and packages of the standard library."""

from __future__ import annotations

import importlib.metadata
import platform
import re
import sys
import sysconfig
from dataclasses import dataclass, field
from pathlib import Path

from examples.audit.failures import NoSources

__all__ = ["Package", "installed", "normalise", "providers", "sources"]

# The standard library's own tests alone would take longer than everything else together.
LEFT_OUT = {"site-packages", "dist-packages", "test", "__pycache__"}


@dataclass(frozen=True)
class Package:
    """
    What the metadata of a package says.

    Args:
        name: Normalised name of the distribution, or ``stdlib:`` and the name of the package.
        version: As declared.
        requires: Requirement specifiers, as declared.
        licence: Licence expression, or the older licence field; empty where there is none.
        classifiers: Trove classifiers.
        documentation: Long description.
        folder: Where a package of the standard library lies; None for distributions.
        imports: Top-level names that the package provides.
    """

    name: str
    version: str
    requires: tuple[str, ...] = ()
    licence: str = ""
    classifiers: tuple[str, ...] = ()
    documentation: str = ""
    folder: Path | None = None
    imports: frozenset[str] = field(default_factory=frozenset)


def normalise(name: str) -> str:
    """The name as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def providers() -> dict[str, str]:
    """Which distribution provides a top-level import name."""
    return {
        name: normalise(distributions[0])
        for name, distributions in importlib.metadata.packages_distributions().items()
    }


def installed() -> list[Package]:
    """Every distribution of this environment, then every package of the standard library."""
    provided: dict[str, set[str]] = {}
    for name, distribution in providers().items():
        provided.setdefault(distribution, set()).add(name)
    found: dict[str, Package] = {}
    for each in importlib.metadata.distributions():
        name = normalise(each.metadata["Name"] or "")
        if name and name not in found:  # the first on sys.path is the one that is imported
            found[name] = _describe(name, each, frozenset(provided.get(name, ())))
    return [*found.values(), *_standard_library()]


def _describe(
    name: str, distribution: importlib.metadata.Distribution, imports: frozenset[str]
) -> Package:
    metadata = distribution.metadata
    body = metadata.get_payload() if hasattr(metadata, "get_payload") else ""
    return Package(
        name=name,
        version=distribution.version,
        requires=tuple(distribution.requires or ()),
        licence=(metadata["License-Expression"] or metadata["License"] or "").strip(),
        classifiers=tuple(metadata.get_all("Classifier") or ()),
        documentation=str(body or metadata["Description"] or metadata["Summary"] or ""),
        imports=imports,
    )


def _standard_library() -> list[Package]:
    root = Path(sysconfig.get_path("stdlib"))
    return [
        Package(
            name=f"stdlib:{folder.name}",
            version=platform.python_version(),
            licence="PSF-2.0",
            documentation=_docstring(folder / "__init__.py"),
            folder=folder,
            imports=frozenset({folder.name}),
        )
        for folder in sorted(root.iterdir())
        if folder.name in sys.stdlib_module_names - LEFT_OUT and (folder / "__init__.py").exists()
    ]


def _docstring(path: Path) -> str:
    text = path.read_text("utf-8", "replace")
    found = re.search(r'^r?"""(.*?)"""', text, re.DOTALL | re.MULTILINE)
    return found.group(1) if found else ""


def sources(package: Package) -> list[Path]:
    """
    The Python sources of a package, in a stable order.

    Raises:
        NoSources: If it has none, as some packages are a compiled library or a script only.
    """
    if package.folder:
        paths = [
            path
            for path in package.folder.rglob("*.py")
            if not LEFT_OUT.intersection(path.relative_to(package.folder).parts)
        ]
    else:
        files = importlib.metadata.distribution(package.name).files or []
        paths = [Path(str(file.locate())) for file in files if file.suffix == ".py"]
    paths = sorted(path for path in paths if path.is_file())
    if not paths:
        raise NoSources(f"{package.name} {package.version} has no Python source")
    return paths
