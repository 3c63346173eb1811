"""Redacted results: no secret is in them, and with the same files they are what they were."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastapi_lint.files.source import Source
from fastapi_lint.finding import Edit, Finding, Fix, Related, Safety, Span
from fastapi_lint.incremental.redaction import Piece, Redacted, RedactionError, Result, redact, restore

HERE = Span(1, 1, 1, 2)
SECRET = "hunter2hunter"
FILES = {
    "a.py": Source("a.py", f"key = \"{SECRET}\"\nname = 'plain'\n".encode()),
    "b.py": Source("b.py", b"x = 1\n"),
}


def finding(
    message: str = "", *, path: str = "a.py", edit: str = "", related: str = "", about: str = "a.py"
) -> Finding:
    fix = Fix("Do it", Safety.SAFE, (Edit(HERE, edit),)) if edit else None
    return Finding("FAPI201", "x", message, path, HERE, related=(Related(about, HERE, related),), fix=fix)


@pytest.mark.parametrize(
    "one",
    [
        finding(f"a message with {SECRET} in it, twice: {SECRET}"),
        finding(path="b.py", related=f"a second place says {SECRET}"),
        finding(edit=f'Annotated[str, Query("{SECRET}")]'),
        finding(edit=f"key={SECRET}"),
        finding("the default is 'plain'"),
    ],
    ids=["message", "related", "literal", "part", "another"],
)
def test_a_secret_is_kept_as_a_place(one: Finding) -> None:
    result = Result((one,), (one,), ())
    made = redact(result, {"a.py": [SECRET]}, FILES)
    assert SECRET.encode() not in msgspec.msgpack.encode(made)
    assert b"plain" not in msgspec.msgpack.encode(made)
    assert made.pieces
    assert restore(msgspec.msgpack.decode(msgspec.msgpack.encode(made), type=Redacted), FILES) == result


def test_other_literals_of_an_edit_in_such_a_file_are_places_too() -> None:
    made = redact(Result((finding(edit="f('plain')"),), (), ()), {"a.py": [SECRET]}, FILES)
    assert b"plain" not in msgspec.msgpack.encode(made)


@pytest.mark.parametrize("edit", ['f("hunter2" "hunter")', 'half of "a literal'])
def test_what_stands_in_no_file_is_not_redacted(edit: str) -> None:
    with pytest.raises(RedactionError):
        redact(Result((finding(edit=edit),), (), ()), {"a.py": [SECRET]}, FILES)


def test_files_without_secrets_are_left_alone() -> None:
    result = Result((finding('says "anything"', edit="'x'", path="b.py", about="b.py"),), (), ())
    assert redact(result, {"a.py": [SECRET]}, FILES) == Redacted(result, ())


@pytest.mark.parametrize("pieces", [(), (Piece("gone.py", 0, 1),)])
def test_a_piece_that_is_missing_is_an_error(pieces: tuple[Piece, ...]) -> None:
    result = Result((finding("\0" + "0" + "\0" + "\0" + "1" + "\0"),), (), ())
    with pytest.raises(RedactionError):
        restore(Redacted(result, pieces or (Piece("a.py", 0, 1),)), FILES)


@given(st.text(st.characters(exclude_characters="\0", codec="utf-8")), st.text("ab'\"\\\n", max_size=20))
def test_what_can_be_redacted_is_restored_to_the_same(message: str, edit: str) -> None:
    result = Result((finding(message, edit=edit),), (), ())
    try:
        made = redact(result, {"a.py": [SECRET, "plain"]}, FILES)
    except RedactionError:
        return
    assert restore(made, FILES) == result
