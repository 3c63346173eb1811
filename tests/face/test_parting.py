"""Comments at the end of a chain: they silence what begins elsewhere, and are judged when all of that was looked at."""

from __future__ import annotations

from face.fakes import FakeRule
from fastapi_lint.files.source import Source
from fastapi_lint.finding import Finding, Related, Span
from fastapi_lint.suppressing.parting import part

STORE = Source("store.py", b"import fcntl\nfcntl.flock(1, 2)  # noqa: FAPI102\n")
APP = Source("app.py", b"import store\n")
CHAIN = Finding(
    "FAPI102",
    "transitive-blocking-call",
    "`write` blocks",
    "app.py",
    Span(1, 1, 1, 3),
    related=(Related("store.py", Span(2, 1, 2, 12), "`fcntl.flock` waits"),),
    chain=True,
    root_codes=("FAPI101", "FAPI102"),
    root_lines=(2, 2),
)


def parted(*reported: Source, findings: tuple[Finding, ...] = (), ignored: str = "") -> tuple[list[str], list[str]]:
    """The codes of what is kept and of what is silenced."""
    kept, silenced = part(
        findings,
        {source.path: source for source in reported},
        known=[FakeRule("FAPI002", "unused-suppression"), FakeRule("FAPI102", "transitive-blocking-call")],
        selected=("FAPI002", "FAPI102"),
        ignored=lambda path: frozenset({"FAPI101"}) if path == ignored else frozenset(),
        failed=(),
        everywhere={"app.py": APP, "store.py": STORE},
    )
    return [finding.code for finding in kept], [finding.code for finding in silenced]


def test_a_comment_at_the_end_silences_the_chain() -> None:
    assert parted(APP, STORE, findings=(CHAIN,)) == ([], ["FAPI102"])


def test_a_comment_at_the_end_of_no_chain_is_unused() -> None:
    assert parted(APP, STORE) == (["FAPI002"], [])


def test_it_is_not_known_which_chains_begin_in_what_was_not_looked_at() -> None:
    assert parted(STORE) == ([], [])


def test_a_file_may_be_left_out_as_a_whole() -> None:
    assert parted(APP, findings=(CHAIN,), ignored="store.py") == ([], ["FAPI102"])
    assert parted(APP, findings=(CHAIN,), ignored="other.py") == ([], ["FAPI102"])
