"""
The form of a file: where is what, in words of 8 bytes.

A file begins with a head, a journal and a note, of fixed sizes. Behind them are the words that hold
what was recorded. What each of them is, a second file says line by line, in JSON; lines and words
are only ever added.

| line | says |
| --- | --- |
| ``["s", at, kind, labels]`` | series: timeout, calls in flight, when the oldest of them began |
| ``["r", number, series, timeout]`` | who is meant by a number in the journal |
| ``["h", at, series, outcome]`` | histogram: count, sum, squares, least, most |
| ``["p", at, histogram, page]`` | a page of its cells |
| ``["e", at, series, type]``, ``["t", at, series, type]`` | errors, tokens |
| ``["a", agent, version, team, tier]`` | facts of an agent |
| ``["f", at, group, type, location, kind, name, agent]`` | failures that are alike |
| ``["d", at, reason]`` | what was dropped |
| ``["n", at, metric, labels]`` | counter |
| ``["v", at, metric, labels]`` | gauge: whether there is one, value, when it was set |
| ``["o", at, metric, labels]`` | histogram of durations, as ``h`` |
| ``["x", at, metric, labels, edges]`` | histogram of others: count, total, one for each bucket |

Series and histograms are referred to by where they are.
"""

from __future__ import annotations

import struct
from typing import Final

__all__ = [
    "BASE",
    "BEGUN",
    "BITS",
    "HISTOGRAM_WORDS",
    "JOURNAL",
    "JOURNAL_WORDS",
    "LONGEST",
    "MAGIC",
    "MOST_NUMBERS",
    "NAMES",
    "NOTE",
    "NOTED",
    "NOTE_PAIRS",
    "PAGE",
    "SEEN",
    "SEGMENT",
    "SEQUENCE",
    "SIZES",
    "VERSION",
    "WORD",
    "WORDS",
    "WORDS_AT",
    "float_of",
    "signed",
    "word_of",
]

MAGIC: Final = int.from_bytes(b"agentmon", "little")
VERSION: Final = 1

#: Ends of the names of the two files of a process.
WORDS: Final = ".words"
NAMES: Final = ".names"

# Words of the head.
SEQUENCE: Final = 2  # odd while what is noted is being applied
NOTED: Final = 3  # pairs in the note
BASE: Final = 4  # the first word of the journal that is not folded
BEGUN: Final = 5  # when recording began, in nanoseconds since 1970
SEEN: Final = 6  # when the process last said what it is doing, likewise

#: Where the journal begins, and how many words it has.
JOURNAL: Final = 512
JOURNAL_WORDS: Final = 4096
#: Where the note begins, and how many pairs of place and value it has.
NOTE: Final = JOURNAL + JOURNAL_WORDS
NOTE_PAIRS: Final = 9984
#: Where the words begin: at 192 KiB, which every page size divides.
WORDS_AT: Final = NOTE + 2 * NOTE_PAIRS
#: Words that a file grows by.
SEGMENT: Final = 8192

#: Bits of a word of the journal that hold the duration; above them is who was called.
BITS: Final = 47
LONGEST: Final = (1 << BITS) - 1
MOST_NUMBERS: Final = (1 << 64 - BITS) - 1

#: Cells in a page of a histogram.
PAGE: Final = 128
HISTOGRAM_WORDS: Final = 7
#: Words of each kind of line that has a fixed number of them.
SIZES: Final = {
    "s": 3,
    "h": HISTOGRAM_WORDS,
    "p": PAGE,
    "e": 1,
    "t": 1,
    "f": 5,
    "d": 1,
    "n": 1,
    "v": 3,
    "o": HISTOGRAM_WORDS,
}

WORD: Final = (1 << 64) - 1
_SIGN: Final = 1 << 63
_float, _word = struct.Struct("=d"), struct.Struct("=Q")


def signed(word: int) -> int:
    """A word as a number that may be negative."""
    return word - (1 << 64) if word & _SIGN else word


def word_of(value: float) -> int:
    """A floating-point number as a word."""
    return int(_word.unpack(_float.pack(value))[0])


def float_of(word: int) -> float:
    """The floating-point number that a word holds."""
    return float(_float.unpack(_word.pack(word))[0])
