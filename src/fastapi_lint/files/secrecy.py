"""Where a text that is shown or kept gives a secret away: as a literal, or as what can be nothing else.

A secret that is a word ("password", "admin123") also stands in names of the code and in prose, where it tells nothing:
to hide it there would spoil the sentence, and say what the secret is. Reads no file, knows no finding.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

SHORTEST = 4
"""Texts that are shorter than this give nothing away, and stand everywhere."""

_WORDS = re.compile(r"[A-Za-z]+(?:[-_. ][A-Za-z]+)*[0-9]{0,3}|[0-9]{1,5}")
_QUOTES = ('"', "'")


class Secrets:
    """The texts of secrets, and where others hold them."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._quoted: dict[int, set[str]] = {}
        self._anywhere: dict[int, set[str]] = {}
        for text in texts:
            if len(text) >= SHORTEST:
                table = self._quoted if _WORDS.fullmatch(text) else self._anywhere
                table.setdefault(len(text), set()).add(text)

    def __bool__(self) -> bool:
        return bool(self._quoted or self._anywhere)

    def places(self, text: str) -> Iterator[tuple[int, int]]:
        """The ranges of a text that give a secret away, in order; quotes around it stay outside.

        Costs a look-up for each character and each length of a secret, not for each secret.
        """
        start = 0
        while start < len(text):
            end = self._end(text, start)
            if end > start:
                yield start, end
            start = max(end, start + 1)

    def _end(self, text: str, start: int) -> int:
        for length in sorted(self._anywhere, reverse=True):
            if text[start : start + length] in self._anywhere[length]:
                return start + length
        quote = text[start - 1 : start]
        if quote in _QUOTES:
            for length, known in self._quoted.items():
                if text[start + length : start + length + 1] == quote and text[start : start + length] in known:
                    return start + length
        return start

    def are_in(self, text: str) -> bool:
        """Whether a text gives one of them away."""
        return any(True for _ in self.places(text))

    def hidden(self, text: str, mask: str) -> str:
        """The text with a mask for each of them."""
        pieces: list[str] = []
        last = 0
        for start, end in self.places(text):
            pieces += [text[last:start], mask]
            last = end
        return "".join(pieces) + text[last:]
