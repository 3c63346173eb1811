"""A fingerprint stays when lines move and changes when the finding is another one."""

from __future__ import annotations

from report.sample import finding

from fastapi_lint.files.source import Source
from fastapi_lint.finding import Finding, Span
from fastapi_lint.report.fingerprint import fingerprints


def identities(text: str, *findings: Finding) -> list[str]:
    return fingerprints(findings, {"a.py": Source("a.py", text.encode())})


def at(line: int, **more: str) -> Finding:
    return finding("a.py", Span(line, 1, line, 5), more.pop("message", "message"), more.pop("code", "FAPI101"), **more)


def test_moved_lines_indentation_message_and_added_suppression_change_nothing() -> None:
    before = identities("call(x)\n", at(1))
    assert identities("\n\n\ncall(x)\n", at(4)) == before
    assert identities("    call(x)\n", finding("a.py", Span(1, 5, 1, 9))) == before
    assert identities("call(x)\r\n", at(1, title="said otherwise")) == before
    assert identities("call(x)  # noqa: FAPI101\n", at(1)) == before


def test_code_path_symbol_and_text_make_another_finding() -> None:
    before = identities("call(x)\n", at(1))
    assert identities("call(x)\n", at(1, code="FAPI102")) != before
    assert identities("call(x)\n", at(1, symbol="f")) != before
    assert identities("call(y)\n", at(1)) != before
    assert fingerprints([finding("b.py", Span(1, 1, 1, 5))], {"b.py": Source("b.py", b"call(x)\n")}) != before


def test_hash_in_a_string_is_not_a_comment() -> None:
    assert identities("call('#a')\n", at(1)) != identities("call('#b')\n", at(1))


def test_equal_findings_are_numbered_in_order_of_place_whatever_the_order_given() -> None:
    text = "call(x)\ncall(x)\n"
    first, second = identities(text, at(1), at(2))
    assert first != second
    assert identities(text, at(2), at(1)) == [second, first]
    assert identities(text, at(1)) == [first]


def test_end_of_a_long_span_does_not_count() -> None:
    span = Span(1, 1, 8, 2)
    head = "class A:\n" + "    x = 1\n" * 5
    assert identities(head + "    y = 1\n    z\n", finding("a.py", span)) == identities(
        head + "    y = 2\n    z\n", finding("a.py", span)
    )


def test_secret_cannot_be_guessed_at() -> None:
    place = Span(1, 7, 1, 14)
    known = identities('KEY = "12345"\n', finding("a.py", place, code="FAPI601"))
    assert identities('KEY = "54321"\n', finding("a.py", place, code="FAPI601")) == known
    assert all(len(each) == 32 and set(each) <= set("0123456789abcdef") for each in known)


def test_missing_and_unreadable_sources_still_have_fingerprints() -> None:
    missing = fingerprints([at(1), at(2)], {})
    assert len(set(missing)) == 2
    assert fingerprints([at(1), at(2)], {"a.py": Source("a.py", b"\xff\n")}) == missing
