"""The machine's apt sources are understood, and only its mirror is taken from them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.servers.apt import (
    Source,
    debian_sources,
    parse_deb822,
    parse_one_line,
    private_configuration,
)

MIRROR = "https://mirror.example/debian"


def test_one_line_with_options() -> None:
    """Options of the one-line format become the fields that say the same."""
    text = f"deb [arch=amd64,arm64 signed-by=/k.gpg trusted=yes lang+=de] {MIRROR} bookworm main x"
    assert parse_one_line(text) == [
        Source(
            (MIRROR,),
            ("bookworm",),
            ("main", "x"),
            (
                ("Architectures", "amd64 arm64"),
                ("Signed-By", "/k.gpg"),
                ("Trusted", "yes"),
                ("Languages-Add", "de"),
            ),
        )
    ]


def test_one_line_skips_comments_and_sources() -> None:
    """Comments, blank lines, source archives and comments behind an entry do not count."""
    text = f"# deb {MIRROR} a main\n\ndeb-src {MIRROR} b main\n  deb\t{MIRROR} c main # why\n"
    assert parse_one_line(text) == [Source((MIRROR,), ("c",), ("main",))]


def test_deb822_with_comments_and_case() -> None:
    """Fields in any case are read, comments between them are not, and the rest is kept."""
    text = f"""# Snapshot: https://old.example/2025
types: deb deb-src
# Between: fields
URIs: {MIRROR} mirror+file:///etc/apt/mirrors/debian.list
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /k.gpg

Types: deb-src
URIs: {MIRROR}
Suites: trixie
Components: main
"""
    assert parse_deb822(text) == [
        Source(
            (MIRROR, "mirror+file:///etc/apt/mirrors/debian.list"),
            ("bookworm", "bookworm-updates"),
            ("main", "contrib"),
            (("Signed-By", "/k.gpg"),),
        )
    ]


@pytest.mark.parametrize("word", ["no", "False", "0"])
def test_disabled_stanza_is_skipped(word: str) -> None:
    """A stanza that is switched off does not count."""
    text = f"Types: deb\nURIs: {MIRROR}\nSuites: sid\nComponents: main\nEnabled: {word}\n"
    assert parse_deb822(text) == []


def test_embedded_key_survives() -> None:
    """A key that is written into the stanza is written out with its lines as they were."""
    key = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc=\n -----END PGP PUBLIC KEY BLOCK-----"
    text = f"Types: deb\nURIs: {MIRROR}\nSuites: sid\nComponents: main\nSigned-By:\n {key}\n"
    (source,) = parse_deb822(text)
    assert f"Signed-By: \n {key}\n" in source.render()
    assert parse_deb822(source.render()) == [source]


def test_strangers_are_left_out(tmp_path: Path) -> None:
    """Archives of other suites or components, security updates and discs are not Debian's."""
    listed = tmp_path / "sources.list"
    listed.write_text(
        "deb https://security.example/debian-security bookworm-security main\n"
        "deb https://docker.example/linux bookworm stable\n"
        "deb https://node.example/node nodistro main\n"
        "deb https://ubuntu.example/ubuntu noble main\n"
        "deb cdrom:[Debian]/ bookworm main\n"
        f"deb {MIRROR} bookworm main\n"
        f"deb {MIRROR} bookworm main\n"
    )
    stanzas = tmp_path / "more.sources"
    stanzas.write_text("Types: deb\nURIs: http://b.example\nSuites: stable\nComponents: main\n")
    uris = [source.uris for source in debian_sources([listed, stanzas])]
    assert uris == [(MIRROR,), ("http://b.example",)]


def test_private_configuration_keeps_the_way_out(tmp_path: Path) -> None:
    """Proxy, TLS and credentials of the machine stay; its hooks, pins and sources do not."""
    dump = """\
Dir "/";
Dir::Etc::netrcparts "auth.conf.d";
Dir::Etc::sourceparts "sources.list.d";
Acquire::http::Proxy "http://proxy.example:3128";
Acquire::https::CAInfo "/ca.pem";
APT::Default-Release "bookworm";
APT::Update::Post-Invoke:: "rm -f "$HOME"/x";
DPkg::Post-Invoke:: "true";
"""
    lines = private_configuration(dump, tmp_path).splitlines()
    assert 'Acquire::http::Proxy "http://proxy.example:3128";' in lines
    assert 'Acquire::https::CAInfo "/ca.pem";' in lines
    assert 'Dir::Etc::netrcparts "auth.conf.d";' in lines
    assert not [line for line in lines if "Invoke" in line or "Default-Release" in line]
    parts = [line for line in lines if line.startswith("Dir::Etc::sourceparts ")]
    assert parts[-1] == 'Dir::Etc::sourceparts "/dev/null";'
