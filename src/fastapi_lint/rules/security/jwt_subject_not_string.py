"""FAPI637: the subject of a token is a number or a UUID, or is taken for a numeric key as it is."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import libcst as cst

from fastapi_lint.finding import Finding, Fix, Safety, Severity
from fastapi_lint.fixing.edits import between, comments_in, extent
from fastapi_lint.fixing.edits.bindings import local_names, module_names, nodes
from fastapi_lint.index import facts as f
from fastapi_lint.model.names import Module
from fastapi_lint.model.tokens import Encoding, Part, Payloads, Subjects, checks_subjects, encodings, place_of_claim
from fastapi_lint.rule import Check, rule

_CHECKED_SINCE = "2.10"
"""The version of PyJWT that refuses a subject that is no text."""


@rule("FAPI637", severity=Severity.ERROR, fix=Safety.UNSAFE, hint=r"\bsub\b")
def jwt_subject_not_string(module: Module, check: Check) -> Iterator[Finding]:
    """The `sub` claim of a JWT is a number or a UUID, or is used as a numeric key without being turned back.

    Why is this bad?
    The subject of a token is a text. `jwt.encode` writes a number without a word, but PyJWT (since 2.10) and
    python-jose refuse the token when it is read: every request with it is answered like one with a forged token. A
    UUID cannot be written at all: `jwt.encode` raises TypeError. On the way back the subject is a text, and a
    numeric key is a number: strict database drivers refuse the query.

    Fix safety
    The fix writes `str(...)` around the value. Code that reads the subject back and compares it with a number has to
    turn it back (`int(payload["sub"])`).

    Known limits
    The type has to be known: from an annotation, a column or field, a literal, or a call that passes it.

    References
    - [PyJWT: changelog of 2.10.0](https://pyjwt.readthedocs.io/en/stable/changelog.html)
    - [RFC 7519: the sub claim](https://datatracker.ietf.org/doc/html/rfc7519#section-4.1.2)
    - [OAuth2 with password and JWT](https://fastapi.tiangolo.com/tutorial/security/oauth2-jwt/)
    """
    if module.is_test:
        return
    payloads = Payloads(check.project)
    subjects = Subjects(payloads)
    for encoding in encodings(module, check.project):
        for part in payloads.claims(encoding, "sub") if encoding.by.claims else ():
            if part.where[0].is_test:
                continue
            kind = subjects.kind(part)
            if kind == "int" and _takes_numbers(encoding, check):
                continue
            if kind is None or (kind == "uuid" and f.keyword(encoding.call, "json_encoder") is not None):
                continue
            yield _finding(encoding, part, kind == "uuid", check)
    for call, arg, cls in subjects.taken_as_keys(module):
        written = module.source.slice(arg.start, arg.end)
        yield check.finding(
            arg,
            f"The `sub` of a token is taken as it is for the key of `{cls.name}`, a number",
            why="it is a text: strict database drivers refuse the query, and the identity map never finds the row",
            instead=f"turn it back first: `int({written})`, and answer 401 if that fails",
            related=[check.related((call.name_start, call.name_end), "the look-up by primary key")],
            severity=Severity.WARNING,
        )


def _takes_numbers(encoding: Encoding, check: Check) -> bool:
    """Whether a token with a number in `sub` can be read again."""
    if encoding.by.package == "pyjwt":
        declared = check.project.versions.for_path(encoding.module.path)
        if declared.never_at_least("pyjwt", _CHECKED_SINCE, default=False):
            return True
    return not checks_subjects(check.project)


def _finding(encoding: Encoding, part: Part, is_uuid: bool, check: Check) -> Finding:
    place = place_of_claim(part)
    home = part.where[0] if place is not None else encoding.module
    why = (
        "`jwt.encode` raises TypeError, since a UUID is no JSON"
        if is_uuid
        else "the token is refused when it is read: PyJWT (2.10 and later) and python-jose want a text"
    )
    return check.finding(
        place or encoding.call,
        f"The `sub` of a token is {'a UUID' if is_uuid else 'a number'}",
        why=why,
        instead="write `str(...)` around it, and turn it back where the token is read",
        module=home,
        related=[check.related(encoding.call, "signed here", module=encoding.module)] if place is not None else [],
        fix=partial(_fix, home, place[0]) if place is not None and not part.is_declared else None,
    )


def _fix(module: Module, start: int) -> Fix | None:
    """`str(...)` around the value of an entry, an argument or an assignment that starts at a place."""
    source = module.excerpt(start)
    if source is None or module.facts.errors:
        return None
    for node in nodes(source.tree):
        match node:
            case cst.DictElement(key=key, value=value):
                head: cst.CSTNode = key
            case cst.Arg(keyword=cst.Name() as head, value=value):
                pass
            case cst.Assign(targets=[cst.AssignTarget(target=head)], value=value):
                pass
            case _:
                continue
        span = source.span_of(head)
        if module.source.byte_offset(span.line, span.column) != start:
            continue
        if comments_in(source, value) or "str" in local_names(source.tree, node) | module_names(source.tree):
            return None
        first, last = extent(source, value, parenthesised=True)
        edits = (between(source, first, first, "str("), between(source, last, last, ")"))
        return Fix("Write the subject as a text", Safety.UNSAFE, edits)
    return None
