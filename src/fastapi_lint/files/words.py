"""The words of a text: whether it names something, asked of one file many times."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING

from fastapi_lint.files.source import Unreadable

if TYPE_CHECKING:
    from fastapi_lint.files.source import Source

_WORD = re.compile(rb"[A-Za-z0-9_]+")
_WORDS_ALONE = bytes(byte if _WORD.match(bytes([byte])) else ord(" ") for byte in range(256))
"""What makes blanks of all that is between words (`bytes.translate`)."""
_WITHIN_WORDS = re.compile(r"(?:\(\?i\))?(?:\w|\\b|\|)+", re.ASCII)
_FEW = 8
"""So many words are looked for in the text itself; for more of them it is worth to take that apart."""


def is_within_words(pattern: re.Pattern[bytes]) -> bool:
    """Whether a pattern consists of words and pieces of words: it matches a text when it matches the words of that."""
    return _WITHIN_WORDS.fullmatch(pattern.pattern.decode("latin-1")) is not None


class Worded:
    """A file, asked for words. A word is a row of ASCII letters, digits and underscores, wherever it stands."""

    source: Source

    def __init__(self) -> None:
        super().__init__()
        self._mentioned: dict[str, bool] = {}

    @property
    def text(self) -> bytes:
        """The text in UTF-8, in which the byte offsets of facts count; empty when the file cannot be read."""
        try:
            return self.source.utf8
        except Unreadable:
            return b""

    def mentions(self, *words: str) -> bool:
        """Whether any of some texts occurs, which may be pieces of words: a cheap reason not to look closer."""
        for word in words:
            found = self._mentioned.get(word)
            if found is None:
                asked = word.encode()
                is_within = len(self._mentioned) > _FEW and _WORD.fullmatch(asked) is not None
                found = self._mentioned[word] = asked in (self.words_once if is_within else self.source.data)
            if found:
                return True
        return False

    def matches(self, pattern: re.Pattern[bytes]) -> bool:
        """Whether a pattern that `is_within_words` matches anywhere."""
        return pattern.search(self.words_once) is not None

    @cached_property
    def words_once(self) -> bytes:
        """The words, each in a line of its own: a sixth of the text or less."""
        return b"\n".join((b"", *self.vocabulary(), b""))

    def vocabulary(self) -> set[bytes]:
        """The words, each once: to ask for many at a time."""
        return set(self.text.translate(_WORDS_ALONE).split())

    def has_word(self, word: str) -> bool:
        """Whether a word is one of the `vocabulary`."""
        return b"\n%b\n" % word.encode() in self.words_once
