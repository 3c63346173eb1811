"""Findings as an editor shows them: what was found in each file, and which of it the editor does not know yet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lsprotocol import types

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.server.documents import Documents, Shown, encoded
from fastapi_lint.server.positions import Positions
from fastapi_lint.server.projects import Kept

SOURCE = "fastapi-lint"
_SEVERITIES = {
    Severity.ERROR: types.DiagnosticSeverity.Error,
    Severity.WARNING: types.DiagnosticSeverity.Warning,
    Severity.INFO: types.DiagnosticSeverity.Information,
}
_UNNECESSARY = frozenset({"FAPI002", "FAPI402"})
"""What is found is text that could go, and nothing would change: editors fade it out."""
_DEPRECATED = frozenset({"FAPI320", "FAPI321", "FAPI345", "FAPI424", "FAPI701", "FAPI901"})
"""What is found has a successor: editors strike it out."""


@dataclass(frozen=True)
class Published:
    """The diagnostics of one file; `version` is that of the open document that they are about."""

    uri: str
    version: int | None
    diagnostics: tuple[types.Diagnostic, ...]


class Diagnostics:
    """What was published, and what of that has changed."""

    def __init__(self, documents: Documents, shown: Shown) -> None:
        self._documents = documents
        self._shown = shown
        self._made: dict[Path, tuple[tuple[Finding, ...], object, tuple[types.Diagnostic, ...]]] = {}
        self._told: dict[Path, Published] = {}

    def news(self, projects: list[Kept]) -> Iterator[Published]:
        """What to publish now that these are all the projects there are: of each file of which something changed, and
        of documents that were changed and checked again."""
        now: dict[Path, tuple[types.Diagnostic, ...]] = {}
        for kept in projects:
            for path, findings in kept.findings.items():
                now[kept.root / path] = self._diagnostics(kept, path, findings)
        for file in self._made.keys() - now.keys():
            del self._made[file]
        documents = self._documents.all()
        for file in sorted({*now, *self._told, *documents}):
            document = documents.get(file)
            if document is not None and not _is_checked(projects, file, document.text):
                continue  # it has changed meanwhile, and is checked again soon; or nobody checks it
            version = document.version if document is not None and self._shown.versions else None
            found = Published(self._documents.uri(file), version, now.get(file, ()))
            known = self._told.get(file)
            if known == found or (known is None and document is None and not found.diagnostics):
                continue
            if found.diagnostics or document is not None:
                self._told[file] = found
            else:
                self._told.pop(file, None)
            yield found

    def _diagnostics(self, kept: Kept, path: str, findings: tuple[Finding, ...]) -> tuple[types.Diagnostic, ...]:
        source = kept.source(path)
        made = self._made.get(kept.root / path)
        if made is not None and made[0] == findings and made[1] is source:
            return made[2]
        positions = Positions(kept.text(path), self._shown.encoding)
        found = tuple(self.diagnostic(kept, finding, positions) for finding in findings)
        self._made[kept.root / path] = findings, source, found
        return found

    def diagnostic(self, kept: Kept, finding: Finding, positions: Positions) -> types.Diagnostic:
        """A finding of a project, in a text with these positions."""
        url = kept.urls.get(finding.code)
        tags = []
        if finding.code in _UNNECESSARY:
            tags.append(types.DiagnosticTag.Unnecessary)
        if finding.code in _DEPRECATED:
            tags.append(types.DiagnosticTag.Deprecated)
        return types.Diagnostic(
            range=positions.of_span(finding.span),
            message="\n".join(filter(None, (finding.title, finding.why, finding.instead))),
            severity=_SEVERITIES[finding.severity],
            code=finding.code,
            code_description=types.CodeDescription(url) if url and self._shown.links else None,
            source=SOURCE,
            tags=tags if tags and self._shown.tags else None,
            related_information=list(self._related(kept, finding)) or None,
            data={"name": finding.name, "fix": finding.fix.safety.value if finding.fix else ""},
        )

    def _related(self, kept: Kept, finding: Finding) -> Iterator[types.DiagnosticRelatedInformation]:
        for related in finding.related if self._shown.related else ():
            positions = Positions(kept.text(related.path), self._shown.encoding)
            uri = self._documents.uri(kept.root / related.path)
            place = types.Location(uri, positions.of_span(related.span))
            yield types.DiagnosticRelatedInformation(place, related.message)


def _is_checked(projects: list[Kept], file: Path, text: str) -> bool:
    """Whether what was found in a file is about this text."""
    for kept in projects:
        if (path := kept.path(file)) is not None and kept.is_current(path):
            return kept.source(path).data == encoded(text)
    return False
