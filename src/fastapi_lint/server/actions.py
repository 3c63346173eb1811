"""Code actions: fixes of findings, of one or of all in a file; suppressing one where it is; explaining its rule.

An action says what it would do, and is made when somebody chooses it (`resolve`), if the client waits for that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

import msgspec
from lsprotocol import types

from fastapi_lint.finding import Finding, Safety, Span
from fastapi_lint.server.diagnostics import Diagnostics
from fastapi_lint.server.positions import Positions
from fastapi_lint.server.projects import View
from fastapi_lint.suppressing.noqa import add_noqa

FIX_ALL = "source.fixAll.fastapi-lint"
EXPLAIN = "fastapi-lint.explain"
KINDS = (types.CodeActionKind.QuickFix, types.CodeActionKind.SourceFixAll, FIX_ALL)


class Wish(msgspec.Struct, frozen=True):
    """What an action would do to a state of a document: "fix" or "suppress" a finding, or "fix-all"."""

    what: str
    uri: str
    version: int | None
    code: str = ""
    span: tuple[int, int, int, int] = (0, 0, 0, 0)


def actions(
    view: View, diagnostics: Diagnostics, place: types.Range, only: Sequence[str] | None
) -> list[types.CodeAction]:
    """What can be done about what is found in a range of a file; `only` are kinds that the client wants."""
    found = view.kept.findings.get(view.path, ())
    wanted: list[types.CodeAction] = []
    if _is_asked(types.CodeActionKind.QuickFix, only):
        for finding in found:
            if _meet(view.positions.of_span(finding.span), place):
                wanted += _about(view, diagnostics, finding)
        if any(_is_safe(finding) for finding in found) and wanted:
            wanted.append(_action(view, "Fix all safe ones in this file", types.CodeActionKind.QuickFix, "fix-all"))
    if _is_asked(FIX_ALL, only) and any(map(_is_safe, found)):
        wanted.append(_action(view, "fastapi-lint: fix all safe ones in this file", FIX_ALL, "fix-all"))
    return wanted


def _about(view: View, diagnostics: Diagnostics, finding: Finding) -> Iterator[types.CodeAction]:
    diagnostic = diagnostics.diagnostic(view.kept, finding, view.positions)
    if finding.fix is not None and finding.fix.edits and finding.fix.safety is not Safety.DISPLAY:
        is_safe = finding.fix.safety is Safety.SAFE
        message = finding.fix.message or f"Fix {finding.name}"
        title = f"{message[:1].upper()}{message[1:]} ({finding.code}{'' if is_safe else ', unsafe'})"
        yield _action(view, title, types.CodeActionKind.QuickFix, "fix", finding, diagnostic, is_preferred=is_safe)
    if add_noqa(view.kept.source(view.path), [finding]) != view.kept.text(view.path):
        title = f"Suppress {finding.code} here"
        yield _action(view, title, types.CodeActionKind.QuickFix, "suppress", finding, diagnostic)
    title = f"Explain {finding.code} ({finding.name})"
    yield types.CodeAction(
        title,
        types.CodeActionKind.QuickFix,
        diagnostics=[diagnostic],
        command=types.Command(title, EXPLAIN, arguments=[finding.code]),
    )


def _action(
    view: View,
    title: str,
    kind: types.CodeActionKind | str,
    what: str,
    finding: Finding | None = None,
    diagnostic: types.Diagnostic | None = None,
    *,
    is_preferred: bool | None = None,
) -> types.CodeAction:
    document = view.documents.at(view.kept.root / view.path)
    wish = Wish(what, view.uri(view.path), document.version if document is not None else None)
    if finding is not None:
        wish = msgspec.structs.replace(wish, code=finding.code, span=msgspec.structs.astuple(finding.span))
    return types.CodeAction(
        title,
        kind,
        diagnostics=[diagnostic] if diagnostic is not None else None,
        is_preferred=is_preferred or None,
        data=msgspec.to_builtins(wish),
    )


def wish_of(action: types.CodeAction) -> Wish | None:
    """What an action would do; None if it has no edit to be made."""
    try:
        return msgspec.convert(action.data, Wish) if action.data else None
    except msgspec.ValidationError:
        return None


def resolved(view: View, wish: Wish, *, versioned: bool) -> types.WorkspaceEdit | None:
    """The edit that does it; None if the document is another by now. `versioned`: the client compares versions."""
    document = view.documents.at(view.kept.root / view.path)
    if (document.version if document is not None else None) != wish.version:
        return None
    found = view.kept.findings.get(view.path, ())
    span = Span(*wish.span)
    chosen = [finding for finding in found if (finding.code, finding.span) == (wish.code, span)]
    after: str | None = None
    if wish.what == "fix-all":
        after = view.kept.fixed(view.path, found, whole=True)
    elif wish.what == "fix" and chosen:
        after = view.kept.fixed(view.path, chosen[:1], unsafe=True)
    elif wish.what == "suppress" and chosen:
        after = add_noqa(view.kept.source(view.path), chosen[:1])
    edits = list(between(view.positions, after)) if after is not None else []
    if not versioned:
        return types.WorkspaceEdit(changes={wish.uri: edits})
    place = types.OptionalVersionedTextDocumentIdentifier(wish.uri, wish.version)
    return types.WorkspaceEdit(document_changes=[types.TextDocumentEdit(place, edits)])


def between(before: Positions, after: str) -> Iterator[types.TextEdit]:
    """Edits that make one text of another, whole lines at a time."""
    old, new = before.text, after
    lines, others = old.splitlines(keepends=True), new.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    for kind, first, last, start, end in SequenceMatcher(None, lines, others, autojunk=False).get_opcodes():
        if kind != "equal":
            yield types.TextEdit(before.range(starts[first], starts[last]), "".join(others[start:end]))


def _is_safe(finding: Finding) -> bool:
    return finding.fix is not None and bool(finding.fix.edits) and finding.fix.safety is Safety.SAFE


def _is_asked(kind: types.CodeActionKind | str, only: Sequence[str] | None) -> bool:
    """Whether the client wants actions of a kind: it names it, or one that it is a part of."""
    name = str(getattr(kind, "value", kind))
    names = None if only is None else [str(getattr(each, "value", each)) for each in only]
    return names is None or any(name == each or name.startswith(f"{each}.") or not each for each in names)


def _meet(one: types.Range, other: types.Range) -> bool:
    places = [(each.line, each.character) for each in (one.start, one.end, other.start, other.end)]
    return places[0] <= places[3] and places[2] <= places[1]
