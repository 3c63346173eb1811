"""Which files of a run hold secrets: their facts stay out of the cache, their secrets out of kept findings."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from fastapi_lint.catalog.secrecy import secrets
from fastapi_lint.files.source import Source, Unreadable
from fastapi_lint.finding import Finding

RULES = frozenset({"FAPI601", "FAPI602", "FAPI603"})
"""The rules that find secrets in the source."""


def secrets_in(
    sources: Mapping[str, Source],
    paths: Iterable[str],
    findings: Sequence[Finding],
    judged: Collection[str],
    judge: Callable[[Collection[str]], Iterable[Finding]],
) -> dict[str, list[str]]:
    """The secrets in the files at `paths`, by path, as far as the rules about them and the catalogue can tell.

    `findings` are those of a run that has asked these rules about the files `judged`; `judge` asks them about others.
    """
    found: dict[str, list[str]] = {}
    unjudged = frozenset(path for path in paths if path not in judged)
    for finding in (*findings, *(judge(unjudged) if unjudged else ())):
        if finding.code in RULES:
            found.setdefault(finding.path, []).extend(_literals(sources[finding.path], finding))
    for path in paths:
        if tokens := list(_tokens(sources[path])):
            found.setdefault(path, []).extend(tokens)
    return found


def _literals(source: Source, finding: Finding) -> Iterator[str]:
    """The texts in quotes where a finding is: the secret, with what stands beside it."""
    span = finding.span
    text = source.text[source.offset(span.line, span.column) : source.offset(span.end_line, span.end_column)]
    for quote in ("'", '"'):
        yield from text.split(quote)[1::2]


def _tokens(source: Source) -> Iterator[str]:
    """The tokens of known formats in a file."""
    if not secrets.may_hold_token(source.data):
        return
    try:
        text = source.text
    except Unreadable:
        return
    for _, start, end in secrets.occurrences(text):
        yield text[start:end]
