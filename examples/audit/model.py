"""
A small text model that runs here: it shortens a document to its most telling sentences.

Its tokens are real, and so is its cache: what it worked out for the beginning of a prompt it
keeps, in blocks, and a later prompt with the same beginning pays only for the rest.
"""

from __future__ import annotations

import math
import re
import threading
import zlib
from collections import Counter, OrderedDict
from collections.abc import Iterator, Sequence

import agentmon
from examples.audit.failures import ContextTooLong

__all__ = ["LocalModel"]

BLOCK = 32
BLOCKS_KEPT = 4096
DIMENSIONS = 64

_TOKEN = re.compile(r"\w+|[^\w\s]")
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n\s*\n")


class LocalModel:
    """
    Summaries and embeddings, the same for the same prompt.

    Args:
        context: The most tokens of a prompt.
    """

    def __init__(self, context: int = 4000) -> None:
        self._context = context
        self._blocks: OrderedDict[int, Counter[str]] = OrderedDict()
        self._lock = threading.Lock()

    @agentmon.model_call("chat", model="extract-1", provider="local")
    def chat(self, instructions: str, document: str, max_tokens: int) -> Iterator[str]:
        """
        Stream a summary of *document*, most telling sentence first.

        Args:
            instructions: What to look for; counts as part of the prompt.
            document: The text to shorten.
            max_tokens: The summary ends with the sentence that reaches this.

        Raises:
            ContextTooLong: If instructions and document exceed the context.
        """
        tokens = _TOKEN.findall(instructions) + _TOKEN.findall(document)
        if len(tokens) > self._context:
            raise ContextTooLong(len(tokens), self._context)
        weights, cached = self.read(tokens)
        written = 0
        try:
            for sentence in _ranked(document, weights):
                written += len(_TOKEN.findall(sentence))
                yield sentence
                if written >= max_tokens:
                    return
        finally:  # whoever closes the stream early pays for what was written
            agentmon.usage(input_tokens=len(tokens), output_tokens=written, cached_tokens=cached)

    def embed(self, text: str) -> list[float]:
        """The direction of a text: a unit vector in which texts on one subject are close."""
        with agentmon.model_call("embeddings", model="hash-64", provider="local") as call:
            tokens = _TOKEN.findall(text)
            vector = [0.0] * DIMENSIONS
            for token, n in Counter(_telling(tokens)).items():
                vector[zlib.crc32(token.encode()) % DIMENSIONS] += 1 + math.log(n)
            length = math.sqrt(sum(x * x for x in vector)) or 1.0
            call.usage(input_tokens=len(tokens), output_tokens=0)
        return [x / length for x in vector]

    def read(self, tokens: Sequence[str]) -> tuple[Counter[str], int]:
        """Weigh the words of a prompt; also, how many leading tokens were known already."""
        weights: Counter[str] = Counter()
        cached = 0
        key = 0
        known = True
        for start in range(0, len(tokens), BLOCK):
            block = tuple(tokens[start : start + BLOCK])
            key = hash((key, block))
            with self._lock:
                counted = self._blocks.get(key)
                if counted is not None:
                    self._blocks.move_to_end(key)
            known = known and counted is not None
            if counted is None:
                counted = Counter(_telling(block))
                with self._lock:
                    self._blocks[key] = counted
                    if len(self._blocks) > BLOCKS_KEPT:
                        self._blocks.popitem(last=False)
            if known:
                cached += len(block)
            weights.update(counted)
        return weights, cached


def _telling(tokens: Sequence[str]) -> list[str]:
    return [token.lower() for token in tokens if len(token) > 3 and token.isalpha()]


def _ranked(document: str, weights: Counter[str]) -> list[str]:
    sentences = [" ".join(each.split()) for each in _SENTENCE.split(document)]
    scored = []
    for sentence in dict.fromkeys(sentences):
        words = _telling(_TOKEN.findall(sentence))
        if len(words) >= 5:
            scored.append((sum(weights[word] for word in words) / len(words), sentence))
    return [sentence for _, sentence in sorted(scored, key=lambda each: -each[0])]
