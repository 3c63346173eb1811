"""Places in texts as clients count them, and the documents that are made of edits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lsprotocol.types import Position, Range, TextDocumentContentChangePartial, TextDocumentContentChangeWholeDocument

from fastapi_lint.finding import Span
from fastapi_lint.server.documents import Documents, encoded
from fastapi_lint.server.positions import Positions

TEXT = "a\U0001f60b\u00e4 = 1\r\nb\u2028c\x0c\rd\n"
WIDTHS = {"utf-8": (1, 4, 2), "utf-16": (1, 2, 1), "utf-32": (1, 1, 1)}
texts = st.text(alphabet="ab\u00e4\u20ac\U0001f60b\u2028\x0c\r\n", max_size=30)
encodings = st.sampled_from(sorted(WIDTHS))


@pytest.mark.parametrize("encoding", WIDTHS)
def test_characters_count_as_many_units_as_the_encoding_has(encoding: str) -> None:
    positions = Positions(TEXT, encoding)
    at = 0
    for offset, width in enumerate(WIDTHS[encoding]):
        assert positions.position(offset) == Position(0, at)
        at += width
        assert positions.offset(Position(0, at)) == offset + 1


def test_lines_end_as_the_protocol_says() -> None:
    positions = Positions(TEXT, "utf-32")
    assert positions.position(TEXT.index("b")) == Position(1, 0)
    assert positions.position(TEXT.index("c")) == Position(1, 2)
    assert positions.position(TEXT.index("d")) == Position(2, 0)
    assert positions.position(len(TEXT)) == Position(3, 0)


def test_a_position_behind_the_end_is_the_end() -> None:
    positions = Positions("ab\r\nc", "utf-16")
    assert positions.offset(Position(0, 99)) == 2
    assert positions.offset(Position(99, 0)) == 5
    assert positions.of_span(Span(1, 1, 9, 1)) == Range(Position(0, 0), Position(1, 1))


def test_a_position_inside_of_a_character_is_before_it() -> None:
    assert Positions("\U0001f60b", "utf-16").offset(Position(0, 1)) == 0


@given(texts, encodings)
def test_every_offset_comes_back(text: str, encoding: str) -> None:
    positions = Positions(text, encoding)
    for offset in range(len(text) + 1):
        if text[offset - 1 : offset + 1] != "\r\n":  # between them there is no place
            assert positions.offset(positions.position(offset)) == offset
            assert positions.byte_offset(positions.position(offset)) == len(text[:offset].encode())


@given(texts, texts, encodings, st.data())
def test_an_edit_of_a_range_is_made_there(text: str, new: str, encoding: str, data: st.DataObject) -> None:
    positions = Positions(text, encoding)
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    if "\r\n" in (text[start - 1 : start + 1], text[end - 1 : end + 1]):
        return
    documents = Documents()
    documents.open("file:///a.py", 1, text)
    change = TextDocumentContentChangePartial(positions.range(start, end), new)
    made = documents.change("file:///a.py", 2, [change], encoding)
    assert made is not None and made.text == text[:start] + new + text[end:]


def test_changes_are_made_one_after_the_other() -> None:
    documents = Documents()
    documents.open("file:///a.py", 1, "one")
    place = Range(Position(0, 0), Position(0, 1))
    changes = (TextDocumentContentChangeWholeDocument("two"), TextDocumentContentChangePartial(place, "T"))
    made = documents.change("file:///a.py", 2, changes, "utf-16")
    assert made is not None and (made.text, made.version) == ("Two", 2)
    assert documents.change("file:///other.py", 2, changes, "utf-16") is None
    assert documents.open("untitled:Untitled-1", 1, "") is None


def test_a_text_is_encoded_as_it_says() -> None:
    assert encoded("# coding: latin-1\n\u00e4\u20ac") == b"# coding: latin-1\n\xe4?"
    assert encoded("# coding: nonsense\n\u00e4") == b"# coding: nonsense\n\xc3\xa4"
    assert encoded("\u00e4\ud83d") == b"\xc3\xa4?"
