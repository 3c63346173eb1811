"""SARIF 2.1.0, for code scanning: rules with their documentation, results with chains, fixes and fingerprints.

Everything relative to the project root; no time, machine or user is written, so equal runs give equal documents.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import quote

from fastapi_lint import __version__
from fastapi_lint.finding import Finding, Fix, Notice, Safety, Severity, Span, by_place
from fastapi_lint.report.ascii_json import Json, dumps
from fastapi_lint.report.contents import Report
from fastapi_lint.report.excerpt import betrays, masked, offsets, secrets, secrets_at, text_of
from fastapi_lint.report.fingerprint import fingerprints
from fastapi_lint.report.line_hash import line_hashes

if TYPE_CHECKING:
    from fastapi_lint.rule import Described

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
HOME = "https://github.com/fastapi-lint/fastapi-lint"
ROOT = "PROJECTROOT"
FINGERPRINT = "fastapiLint/v1"
LINE_HASH = "primaryLocationLineHash"

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
_PROBLEMS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "recommendation"}
_SECURITY = {Severity.ERROR: "8.0", Severity.WARNING: "5.5", Severity.INFO: "2.0"}
"""GitHub's `security-severity`, in the middle of its bands high, medium and low."""

_FAMILIES = {
    "0": "linter",
    "1": "asynchronous",
    "2": "dependency-injection",
    "3": "routing",
    "4": "schemas",
    "5": "database",
    "6": "security",
    "7": "application",
    "8": "background",
    "9": "testing",
}
_HEADING = re.compile(r"\s*(#|-{3,}$|={3,}$|[*_]*Why is this bad\?[*_:]*$)")
_SNIPPET_LINES = 40
"""Longer spans carry no snippet: a viewer needs the place, not the class again."""


def render(report: Report) -> str:
    """The run as a SARIF log with one run."""
    return dumps(_Log(report).document())


class _Log:
    """The parts of one log that point at each other by index: rules and artifacts."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.results: Sequence[Finding] = sorted((*report.findings, *report.suppressed), key=by_place)
        self.suppressed = {id(finding) for finding in report.suppressed}
        self.hidden = secrets(self.results, report.sources)
        self.texts = secrets_at(self.hidden, report.sources)
        self.rules = {rule.code: rule for rule in report.rules}
        self.lines: dict[str, set[int]] = {}
        for finding in self.results:
            self.lines.setdefault(finding.path, set()).add(finding.span.line)
        self.hashes: dict[str, dict[int, str]] = {}

    @cached_property
    def codes(self) -> dict[str, int]:
        """Every code that is selected or reported, with the index of its descriptor."""
        reported = {finding.code for finding in self.results} | {each.code for each in self.report.notices if each.code}
        return {code: index for index, code in enumerate(sorted(self.rules.keys() | reported))}

    @cached_property
    def paths(self) -> dict[str, int]:
        """Every file that something points at, with the index of its artifact."""
        found = {finding.path for finding in self.results}
        found |= {each.path for finding in self.results for each in finding.related}
        found |= {notice.path for notice in self.report.notices if notice.path}
        return {path: index for index, path in enumerate(sorted(found))}

    @cached_property
    def names(self) -> dict[str, str]:
        """The names of reported codes, for those whose rule is not among the selected."""
        return {finding.code: finding.name for finding in self.results}

    @cached_property
    def base(self) -> tuple[str, str]:
        return _base(self.report)

    def document(self) -> Json:
        identities = fingerprints(self.results, self.report.sources)
        return {
            "$schema": SCHEMA,
            "version": "2.1.0",
            "runs": [
                {
                    "tool": {
                        "driver": {
                            "name": "fastapi-lint",
                            "fullName": f"fastapi-lint {__version__}",
                            "organization": "fastapi-lint",
                            "version": __version__,
                            "semanticVersion": __version__,
                            "informationUri": HOME,
                            "rules": [self._descriptor(code) for code in self.codes],
                        }
                    },
                    "automationDetails": {"id": f"{self._category()}/"},
                    "invocations": [self._invocation()],
                    "originalUriBaseIds": {
                        ROOT: {"uri": self.base[0], "description": {"text": "The root of the project."}}
                    },
                    "artifacts": [
                        {
                            "location": {"uri": self._uri(path), "uriBaseId": ROOT, "index": index},
                            "sourceLanguage": "python",
                            "roles": ["analysisTarget"],
                        }
                        for path, index in self.paths.items()
                    ],
                    "columnKind": "unicodeCodePoints",
                    "defaultSourceLanguage": "python",
                    "results": [
                        self._result(each, identity) for each, identity in zip(self.results, identities, strict=True)
                    ],
                }
            ],
        }

    def _category(self) -> str:
        """What tells runs over several projects of a repository apart: code scanning compares like with like."""
        prefix = self.base[1].strip("/")
        return self.report.category.strip("/") or "/".join(filter(None, ("fastapi-lint", prefix)))

    def _descriptor(self, code: str) -> Json:
        rule = self.rules.get(code)
        if rule is None:
            return _unselected(code, self.names.get(code, code))
        documentation = inspect.cleandoc(rule.documentation)
        return {
            "id": code,
            "name": _pascal(rule.name),
            "shortDescription": {"text": _sentence(rule.summary)},
            "fullDescription": {"text": _sentence(_reason(documentation) or rule.summary)},
            "help": {"text": documentation, "markdown": self.report.help.get(code, documentation)},
            **({"helpUri": rule.url} if rule.url else {}),
            "defaultConfiguration": {"level": _LEVELS[rule.severity]},
            "properties": _properties(rule),
        }

    def _invocation(self) -> Json:
        return {
            "executionSuccessful": all(notice.level is not Severity.ERROR for notice in self.report.notices),
            "toolExecutionNotifications": [self._notification(notice) for notice in self.report.notices],
        }

    def _notification(self, notice: Notice) -> Json:
        document: dict[str, Json] = {"level": _LEVELS[notice.level], "message": _message(notice.message)}
        if notice.path:
            document["locations"] = [{"physicalLocation": {"artifactLocation": self._artifact(notice.path)}}]
        if notice.code:
            document["associatedRule"] = {"id": notice.code, "index": self.codes[notice.code]}
        return document

    def _result(self, finding: Finding, identity: str) -> Json:
        place = self._location(finding.path, finding.span)
        if finding.symbol:
            place["logicalLocations"] = [{"fullyQualifiedName": finding.symbol}]
        document: dict[str, Json] = {
            "ruleId": finding.code,
            "ruleIndex": self.codes[finding.code],
            "level": _LEVELS[finding.severity],
            "message": _message(finding.message),
            "locations": [place],
            "properties": {"title": finding.title, "why": finding.why, "instead": finding.instead},
            "partialFingerprints": {FINGERPRINT: identity, **self._line_hash(finding)},
        }
        if finding.related:
            document["relatedLocations"] = [
                {"id": number, **self._location(each.path, each.span), "message": _message(each.message)}
                for number, each in enumerate(finding.related, 1)
            ]
        if finding.related and finding.chain:
            document["codeFlows"] = [{"threadFlows": [{"locations": self._flow(finding)}]}]
        if finding.fix and not betrays(finding, self.texts):
            document["fixes"] = [self._fix(finding.fix, finding.path)]
        # An empty array says "not suppressed"; SARIF wants either all results of a run to say it or none.
        if self.suppressed:
            document["suppressions"] = [{"kind": "inSource"}] if id(finding) in self.suppressed else []
        return document

    def _line_hash(self, finding: Finding) -> dict[str, Json]:
        """GitHub's own fingerprint, which it would work out if it had the file; none for files with secrets in them."""
        source = self.report.sources.get(finding.path)
        if source is None or not text_of(source) or finding.path in self.hidden:
            return {}
        if finding.path not in self.hashes:
            self.hashes[finding.path] = line_hashes(source, self.lines[finding.path])
        found = self.hashes[finding.path].get(finding.span.line)
        return {LINE_HASH: found} if found else {}

    def _flow(self, finding: Finding) -> Json:
        start = {**self._location(finding.path, finding.span), "message": _message(finding.message)}
        steps = [
            {**self._location(each.path, each.span), "message": _message(each.message)} for each in finding.related
        ]
        return [{"location": each} for each in (start, *steps)]

    def _fix(self, fix: Fix, path: str) -> Json:
        description = fix.message if fix.safety is Safety.SAFE else f"{fix.message} ({fix.safety.value} fix)"
        replacements: list[Json] = []
        for edit in fix.edits:
            replacement: dict[str, Json] = {"deletedRegion": _region(edit.span)}
            if edit.content:
                replacement["insertedContent"] = {"text": edit.content}
            replacements.append(replacement)
        return {
            "description": _message(description),
            "artifactChanges": [{"artifactLocation": self._artifact(path), "replacements": replacements}],
            "properties": {"applicability": fix.safety.value},
        }

    def _location(self, path: str, span: Span) -> dict[str, Json]:
        region: dict[str, Json] = dict(_region(span))
        source = self.report.sources.get(path)
        if source is not None and text_of(source) and span.end_line - span.line < _SNIPPET_LINES:
            snippet = masked(source, *offsets(source, span), self.hidden.get(path, ()))
            if snippet:
                region["snippet"] = {"text": snippet}
        return {"physicalLocation": {"artifactLocation": self._artifact(path), "region": region}}

    def _artifact(self, path: str) -> Json:
        return {"uri": self._uri(path), "uriBaseId": ROOT, "index": self.paths[path]}

    def _uri(self, path: str) -> str:
        return _percent(self.base[1] + path)


def _base(report: Report) -> tuple[str, str]:
    """The URI of the base, and what stands before each path under it.

    When people see the project's paths from a directory above it (a repository with several projects), that directory
    is the base: code scanning reads relative URIs from the repository's root.
    """
    root = report.root.replace("\\", "/") if re.match(r"[A-Za-z]:|\\\\", report.root) else report.root
    root = root.rstrip("/") + "/"
    seen = report.shown("-")[:-1]
    prefix = seen if seen and not seen.startswith("../") and root.endswith("/" + seen) else ""
    root = root[: len(root) - len(prefix)]
    if root.startswith("//"):
        return f"file:{_percent(root)}", prefix
    uri = re.sub(r"\A([A-Za-z])%3A/", r"\1:/", _percent(root.lstrip("/")))  # the colon of a drive stays
    return f"file:///{uri}", prefix


def _percent(path: str) -> str:
    """A URI's path; bytes that are not UTF-8 (surrogates in the name) are kept, colons are not."""
    data = path.encode("utf-8", "surrogateescape") if _encodable(path) else path.encode("utf-8", "replace")
    return quote(data, safe="/~!$&'()*+,;=@")


def _encodable(path: str) -> bool:
    return not re.search("[\ud800-\udc7f\udd00-\udfff]", path)


def _region(span: Span) -> dict[str, Json]:
    return {
        "startLine": span.line,
        "startColumn": span.column,
        "endLine": span.end_line,
        "endColumn": span.end_column,
    }


def _message(text: str) -> dict[str, Json]:
    """Plain text; what would read as an embedded link, `[text](1)`, is escaped."""
    return {"text": _sentence(re.sub(r"\[(?=[^\[\]]{0,1000}\]\()", r"\\[", text))}


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _unselected(code: str, name: str) -> Json:
    """A code that is reported though no rule of the selection has it: the least that code scanning accepts."""
    text = {"text": f"{name.replace('-', ' ').capitalize()}."}
    return {"id": code, "name": _pascal(name), "shortDescription": text, "fullDescription": text, "help": text}


def _reason(documentation: str) -> str:
    """The first paragraph behind the summary, headings left out, on one line."""
    for paragraph in documentation.split("\n\n")[1:]:
        lines = [line.strip() for line in paragraph.splitlines() if not _HEADING.match(line)]
        if lines:
            return " ".join(lines)
    return ""


def _pascal(name: str) -> str:
    return "".join(word.capitalize() for word in re.split(r"[^0-9A-Za-z]+", name))


def _properties(rule: Described) -> Json:
    family = _FAMILIES.get(rule.code[4:5], "fastapi")
    document: dict[str, Json] = {
        "tags": list(_unique(("fastapi", family, rule.preset))),
        "precision": "high" if rule.preset == "recommended" else "medium",
        "problem.severity": _PROBLEMS[rule.severity],
    }
    if family == "security":
        document["security-severity"] = _SECURITY[rule.severity]
    return document


def _unique(words: Iterable[str]) -> Iterable[str]:
    return dict.fromkeys(words)
