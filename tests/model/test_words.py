"""A text that is taken apart into words answers what the text itself would."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastapi_lint.files.source import Source
from fastapi_lint.files.words import Worded, is_within_words

PIECES = st.lists(st.sampled_from(["set", "_cookie", "ab", "a", "é", " ", "\n", ".", "(", "'", "9", "Set"]), max_size=9)


class File(Worded):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.source = Source("a.py", text.encode())


@given(PIECES.map("".join), st.sampled_from(["set", "cookie", "t_c", "a.", "é", "9", "Set'", "seta"]))
def test_what_is_mentioned_is_what_stands_in_the_text(text: str, word: str) -> None:
    file = File(text)
    for number in range(40):  # enough to have it taken apart
        file.mentions(f"nothing{number}")
    assert file.mentions(word) == (word in text)


@given(PIECES.map("".join), st.sampled_from(["set|a9", r"\bab\b", "(?i)SET_|9a", "b"]))
def test_hints_of_words_match_as_they_do_in_the_text(text: str, hint: str) -> None:
    pattern = re.compile(hint.encode())
    assert is_within_words(pattern)
    assert File(text).matches(pattern) == (pattern.search(text.encode()) is not None)


@pytest.mark.parametrize("hint", ["==|!=", "a.b", "(a+)", r"\d", "a b"])
def test_other_hints_are_matched_with_the_text(hint: str) -> None:
    assert not is_within_words(re.compile(hint.encode()))


@given(PIECES.map("".join))
def test_the_vocabulary_holds_the_words(text: str) -> None:
    words = set(re.findall(rb"[A-Za-z0-9_]+", text.encode()))
    assert File(text).vocabulary() == words
    assert all(File(text).has_word(word.decode()) for word in words)


def test_most_hints_need_words_alone() -> None:
    from fastapi_lint.run.registry import rules

    hints = [rule.hint for rule in rules() if rule.hint is not None]
    assert sum(map(is_within_words, hints)) > len(hints) / 2
