"""The dispatch: model subjects to model rules, libcst nodes to syntax rules, one pass over each opened module.

Reads no file, prints nothing, knows no rule by name. A rule that raises is reported with its code; the others go on.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Protocol

import msgspec

from fastapi_lint.files.source import Unreadable
from fastapi_lint.finding import Finding, Notice, Severity, by_place, nearest
from fastapi_lint.model.names import Class, Function, Module, NotYet
from fastapi_lint.model.project import Project
from fastapi_lint.rule import Check, Making, Option, Rule
from fastapi_lint.tracking import recording
from fastapi_lint.tracking.fingerprints import fingerprint, plain
from fastapi_lint.tracking.recording import DependencySet, Input, Slice

if TYPE_CHECKING:
    import libcst as cst

_SKIPPED = frozenset({
    "lpar", "rpar", "leading_lines", "lines_after_decorators", "comma", "semicolon", "dot", "equal", "header", "footer",
    "lbracket", "rbracket", "lbrace", "rbrace", "asynchronous", "star", "async_", "trailing_whitespace", "colon",
    "newline", "whitespace", "indent", "default_indent", "encoding", "default_newline", "has_trailing_newline",
    "operators",
})  # fmt: skip
_HEAD_FIRST = ("decorators", "name", "type_parameters", "params", "bases", "keywords", "returns")


Judged = tuple[str, str]
"""A rule and a module whose subjects it has judged, by code and path; no path for the project as a whole."""
WHOLE = ""


class Verdict(msgspec.Struct, frozen=True, array_like=True):
    """What a rule said about a module, and what else it has read for that: other modules, and slices of tables.

    `asked` tells in short for some of the findings, by their number, of what their fix was to be made; it has read
    `fix_modules` and `fix_slices`, which are among the others.
    """

    judged: Judged
    findings: tuple[Finding, ...]
    modules: tuple[str, ...]
    slices: tuple[Slice, ...]
    asked: tuple[tuple[int, bytes], ...] = ()
    fix_modules: tuple[str, ...] = ()
    fix_slices: tuple[Slice, ...] = ()


class Checked(msgspec.Struct, frozen=True):
    """What the rules said: findings in order of place, notices about rules that failed, files that did not parse.

    While it is noted what answers are made from (`reading`), also the verdicts that hold more than "nothing, whatever
    the others are", what stood in the slices that they have read, and which subjects there were.
    """

    findings: tuple[Finding, ...]
    notices: tuple[Notice, ...]
    broken: tuple[str, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    slices: tuple[tuple[Slice, bytes], ...] = ()
    subjects: tuple[tuple[str, str, bytes], ...] = ()


SUBJECTS = {
    "Route": "routes.all",
    "Router": "routes.routers",
    "App": "routes.apps",
    "Schema": "schemas.classes",
    "Depends": "depended_on",
}
"""Kinds of subjects that the project has, not a single module, with the table in which they are collected."""


class Held(Protocol):
    """Whoever knows which verdicts of an earlier run still hold."""

    def keeps(self, kind: str) -> bool:
        """Whether the project's subjects of a kind are all what they were."""

    def subjects(self, path: str) -> Mapping[str, bytes]:
        """The subjects of a module as they were, in short, by kind."""

    def stale(self, path: str, subjects: Mapping[str, bytes]) -> Collection[str] | None:
        """The codes of the rules that have to judge a module again; None for all. `subjects` are those of it now."""

    def fixed(self, judged: Judged, finding: Finding, asked: bytes) -> Finding | None:
        """A finding with the fix that it had before, if that was made of the same and would be made again."""


@dataclass
class _Unit:
    """What one rule says about one module, as it comes, and what it reads."""

    findings: set[Finding] = field(default_factory=set)
    reads: DependencySet = field(default_factory=set)
    fix_reads: DependencySet = field(default_factory=set)
    asked: dict[Finding, bytes] = field(default_factory=dict)

    def replace(self, finding: Finding, fixed: Finding, asked: bytes | None) -> None:
        """Put a finding in the place of one without its fix."""
        self.findings.discard(finding)
        self.findings.add(fixed)
        if asked is not None:
            self.asked[fixed] = asked


@dataclass
class _Run:
    """Findings and failures as they come, for one call of `check`."""

    project: Project
    options: Mapping[str, Mapping[str, Option]]
    held: Held | None = None
    units: dict[Judged, _Unit] = field(default_factory=dict)
    notices: dict[tuple[str, str], Notice] = field(default_factory=dict)
    fixes: dict[Module, dict[tuple[Judged, Finding], tuple[Rule, Making]]] = field(default_factory=dict)

    def judge(self, rule: Rule, subject: object, check: Check) -> None:
        """Ask one rule about one subject, and survive whatever it raises."""
        found: list[Finding] = []
        reads: DependencySet = set()
        before = recording.record_into(reads)
        try:
            found.extend(rule.judge(subject, check))
        except Unreadable:
            pass  # FAPI001 says why; nothing else is known of such a file
        except Exception as error:
            self._failed(rule, check.module, error)
        finally:
            recording.record_into(before)
        if not found and not reads:
            return
        judged = (rule.code, WHOLE if subject is self.project else check.module.path)
        unit = self.unit(judged)
        unit.findings.update(found)
        unit.reads |= reads
        for (module, finding), making in check.fixes.items():
            self.fixes.setdefault(module, {})[judged, finding] = (rule, making)
        check.fixes.clear()

    def read(self, rule: Rule, module: Module, what: Hashable) -> None:
        """Note what the subject is made from that a rule is going to judge."""
        self.unit((rule.code, module.path)).reads.add(what)

    def unit(self, judged: Judged) -> _Unit:
        """Where it is gathered what a rule says about a module."""
        found = self.units.get(judged)
        if found is None:
            found = self.units[judged] = _Unit()
        return found

    def settle(self, module: Module) -> None:
        """Make the fixes of what was found in a module: first hear what they need of its tree, then open that."""
        asked = self.fixes.pop(module, {})
        module.collect()
        waiting = [item for item in asked.items() if not self._is_fixed(module, *item)]
        module.open()
        for item in waiting:
            self._is_fixed(module, *item)

    def _is_fixed(self, module: Module, found: tuple[Judged, Finding], asked: tuple[Rule, Making]) -> bool:
        """Make the fix of a finding; False when it needs a tree that is not open yet."""
        (judged, finding), (rule, making) = found, asked
        unit = self.units[judged]
        if finding not in unit.findings:
            return True
        told = _told_making(making, unit.fix_reads) if recording.active else None
        if self.held is not None and told is not None:
            if (kept := self.held.fixed(judged, finding, told)) is not None:
                unit.replace(finding, kept, told)
                return True
        before = recording.record_into(unit.fix_reads)
        try:
            fix = making()
        except NotYet:
            return False
        except Exception as error:
            self._failed(rule, module, error)
            return True
        finally:
            recording.record_into(before)
        unit.replace(finding, msgspec.structs.replace(finding, fix=fix), told)
        return True

    def verdicts(self) -> Iterator[Verdict]:
        """What there is to keep."""
        for judged, unit in self.units.items():
            if not unit.findings and not unit.reads:
                continue
            modules, slices = _flat(unit.reads | unit.fix_reads, judged)
            if unit.findings or modules or slices:
                found = tuple(sorted(unit.findings, key=by_place))
                asked = tuple((number, unit.asked[each]) for number, each in enumerate(found) if each in unit.asked)
                yield Verdict(judged, found, modules, slices, asked, *_flat(unit.fix_reads, judged))

    def _failed(self, rule: Rule, module: Module, error: Exception) -> None:
        frames = traceback.extract_tb(sys.exc_info()[2])
        place = f"{frames[-1].name}, line {frames[-1].lineno}" if frames else "?"
        what = f"{type(error).__name__}: {error} [{place}]"
        message = f"rule {rule.code} ({rule.name}) failed with {what}; its findings here are missing"
        self.notices.setdefault((rule.code, module.path), Notice(message, module.path, rule.code, Severity.ERROR))

    def checks(self, rule: Rule, module: Module) -> Check:
        return Check(rule, self.project, module, self.options.get(rule.code, {}))


def _flat(reads: DependencySet, judged: Judged) -> tuple[tuple[str, ...], tuple[Slice, ...]]:
    """The paths of other modules than the judged one, and the slices of tables, in what was read."""
    modules, slices = recording.flattened(reads)
    paths = {module.path for module in modules} - {judged[1]}
    return tuple(sorted(paths)), tuple(sorted(slices, key=repr))


def _told_making(making: Making, reads: DependencySet) -> bytes | None:
    """Of what a fix is made, in short: which function is called with what; None when that cannot be told.

    The modules that this leads to are added to `reads`: things in them are told by their place alone.
    """
    if not isinstance(making, partial) or making.keywords:
        return None
    called = making.func
    owner = getattr(called, "__self__", None)
    given = [None if isinstance(each, Check) else each for each in (owner, *making.args)]
    found: set[Input] = set()
    try:
        told = fingerprint([called.__module__, called.__qualname__, plain(given, found)])
    except (AttributeError, TypeError, RecursionError):
        return None
    reads |= found
    return told


def check(
    project: Project,
    rules: Sequence[Rule],
    options: Mapping[str, Mapping[str, Option]] | None = None,
    *,
    only: Callable[[Module], bool] | None = None,
    share: Collection[str] | None = None,
    held: Held | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Checked:
    """Run rules over a project; `only` says for which modules findings are wanted, `options` are by rule code.

    With `share` only the subjects in modules with these paths are judged, and the project as a whole with the share
    that holds its first module: the findings of all shares together are those of one run. What is `held` is not judged
    again, and not among the findings.

    The same findings come out for any order of rules and modules.
    """
    run = _Run(project, options or {}, held)
    reported = [module for module in project.modules if only is None or only(module)]
    modules = [module for module in reported if share is None or module.path in share]
    wanted = set(modules)
    by_subject: dict[str, list[Rule]] = {}
    syntax: list[Rule] = []
    for rule in rules:
        if rule.kind == "syntax":
            syntax.append(rule)
            continue
        for kind in rule.subjects:
            by_subject.setdefault(kind.__name__, []).append(rule)
    whole = by_subject.pop("Project", [])
    has_whole = share is None or (bool(reported) and reported[0].path in share)
    if has_whole and (first := next(iter(project.modules), None)) is not None:
        stale = held.stale(WHOLE, {}) if held is not None else None
        for rule in whole:
            if stale is None or rule.code in stale:
                run.judge(rule, project, run.checks(rule, first))
    is_noting = recording.active
    kinds = [kind for kind in SUBJECTS if kind in by_subject]
    same = [kind for kind in kinds if held is not None and held.keeps(kind)]
    placed = _placed(project, [kind for kind in kinds if kind not in same], wanted)
    told = {module: _told(found) for module, found in placed.items()} if is_noting else {}
    tasks: list[tuple[Module, Collection[str] | None]] = [(module, None) for module in modules]
    if held is not None:
        for module in modules:
            as_before = {kind: code for kind, code in held.subjects(module.path).items() if kind in same}
            if as_before:
                told[module] = {**told.get(module, {}), **as_before}
        tasks = [(module, held.stale(module.path, told.get(module, {}))) for module in modules]
        tasks = [(module, stale) for module, stale in tasks if stale is None or stale]
        asked = frozenset(module for module, _ in tasks)
        again = {
            kind
            for module, stale in tasks
            for kind in told.get(module, ())
            if kind in same and any(_is_due(rule, stale) for rule in by_subject[kind])
        }
        for module, more in _placed(project, sorted(again), asked).items():
            placed.setdefault(module, []).extend(more)
    for i, (module, stale) in enumerate(tasks):
        if progress is not None:
            progress(i, len(tasks))
        _check_functions(run, module, by_subject, stale)
        _check_tree(run, module, [rule for rule in syntax if _is_due(rule, stale) and _occurs(rule, module)])
        for subject, name in placed.get(module, ()):
            for rule in by_subject[name]:
                if _is_due(rule, stale):
                    if is_noting:
                        run.read(rule, module, project.sources_of(subject))
                    run.judge(rule, project.opened(subject), run.checks(rule, module))
        run.settle(module)
        module.forget_tree()
    for module, stale in tasks:  # after everything that may have opened its tree and found it broken
        for rule in by_subject.get("Module", ()):
            if _is_due(rule, stale):
                run.judge(rule, module, run.checks(rule, module))
        run.settle(module)
        module.forget_tree()
    for module in tuple(run.fixes):  # what was found there from elsewhere
        run.settle(module)
        module.forget_tree()
    paths = {module.path for module in reported}
    found = nearest(finding for unit in run.units.values() for finding in unit.findings if finding.path in paths)
    checked = Checked(
        tuple(sorted(found, key=by_place)),
        tuple(run.notices[key] for key in sorted(run.notices)),
        tuple(module.path for module in project.modules if module.is_broken),
    )
    if not is_noting:
        return checked
    verdicts = tuple(run.verdicts())
    return msgspec.structs.replace(
        checked,
        verdicts=verdicts,
        slices=tuple(project.slices({each for verdict in verdicts for each in verdict.slices}).items()),
        subjects=tuple((module.path, kind, code) for module in told for kind, code in told[module].items()),
    )


def _placed(
    project: Project, kinds: Sequence[str], wanted: Collection[Module]
) -> dict[Module, list[tuple[object, str]]]:
    """The project's subjects of some kinds by the module in which they are reported."""
    placed: dict[Module, list[tuple[object, str]]] = {}
    for kind, subjects in project.subjects(kinds):
        for subject, module in subjects:
            if module in wanted:
                placed.setdefault(module, []).append((subject, kind))
    return placed


def _told(subjects: Iterable[tuple[object, str]]) -> dict[str, bytes]:
    """The subjects of a module in short, by kind: equal when they are the same."""
    by_kind: dict[str, list[object]] = {}
    for subject, kind in subjects:
        by_kind.setdefault(kind, []).append(plain(subject))
    return {kind: fingerprint(told) for kind, told in by_kind.items()}


def _is_due(rule: Rule, stale: Collection[str] | None) -> bool:
    return stale is None or rule.code in stale


def merged(shares: Iterable[Checked]) -> Checked:
    """What the shares of a project come to together: the same as one run over all of it."""
    findings: set[Finding] = set()
    notices: dict[tuple[str, str], Notice] = {}
    broken: set[str] = set()
    verdicts: dict[Judged, Verdict] = {}
    slices: dict[Slice, bytes] = {}
    subjects: dict[tuple[str, str, bytes], None] = {}
    for share in shares:
        findings.update(share.findings)
        verdicts.update((verdict.judged, verdict) for verdict in share.verdicts)
        slices.update(share.slices)
        subjects.update(dict.fromkeys(share.subjects))
        for notice in share.notices:
            notices.setdefault((notice.code, notice.path), notice)
        broken.update(share.broken)
    ordered = tuple(notices[key] for key in sorted(notices))
    return Checked(
        tuple(sorted(nearest(findings), key=by_place)),
        ordered,
        tuple(sorted(broken)),
        tuple(verdicts.values()),
        tuple(slices.items()),
        tuple(subjects),
    )


def _occurs(rule: Rule, module: Module) -> bool:
    data = module.source.data
    if rule.words and not any(word.encode() in data for word in rule.words):
        return False
    return rule.hint is None or rule.hint.search(data) is not None


def _check_functions(
    run: _Run, module: Module, by_subject: Mapping[str, list[Rule]], stale: Collection[str] | None
) -> None:
    for name, subjects in (("Function", module.functions), ("Class", module.classes)):
        for rule in by_subject.get(name, ()):
            if _is_due(rule, stale) and _occurs(rule, module):
                check = run.checks(rule, module)
                for subject in subjects:
                    run.judge(rule, subject, check)


def _check_tree(run: _Run, module: Module, rules: list[Rule]) -> None:
    if not rules:
        return
    tree = module.tree
    if tree is None:
        return
    table: dict[type, list[tuple[Rule, Check]]] = {}
    checks = [(rule, run.checks(rule, module)) for rule in rules]
    for rule, check in checks:
        for node_class in rule.subjects:
            table.setdefault(node_class, []).append((rule, check))
    walk = _Walk(run, module, table, [check for _, check in checks])
    try:
        walk.visit(tree)
    except RecursionError:
        run.notices[("", module.path)] = Notice("nested too deeply to be checked by syntax rules", module.path)


class _Walk:
    """One depth-first pass over a module's nodes, keeping the enclosing function and the nodes around."""

    def __init__(
        self, run: _Run, module: Module, table: Mapping[type, list[tuple[Rule, Check]]], checks: Iterable[Check]
    ) -> None:
        self.run = run
        self.table = table
        self.checks = list(checks)
        self.parents: list[cst.CSTNode] = []
        self.functions = iter([fn for fn in module.functions if fn.name != "<lambda>"])
        self.classes = iter(module.classes)
        for check in self.checks:
            check.parents = self.parents

    def visit(self, node: cst.CSTNode) -> None:
        kind = type(node)
        name = kind.__name__
        if name == "FunctionDef":
            self._definition(node, next(self.functions, None))
            return
        if name == "ClassDef":
            self._definition(node, next(self.classes, None))
            return
        self._judge(node, kind)
        self.parents.append(node)
        for attr in _children(kind):
            self._visit_value(getattr(node, attr))
        self.parents.pop()

    def _visit_value(self, value: object) -> None:
        if value is None or isinstance(value, str):
            return
        if isinstance(value, (list, tuple)):
            for item in value:
                if not isinstance(item, str):
                    self.visit(item)
        elif hasattr(value, "_codegen_impl"):
            self.visit(value)  # type: ignore[arg-type]

    def _judge(self, node: cst.CSTNode, kind: type) -> None:
        for rule, check in self.table.get(kind, ()):
            self.run.judge(rule, node, check)

    def _definition(self, node: cst.CSTNode, handle: Function | Class | None) -> None:
        """A function or class: its head is evaluated outside, its body inside."""
        kind = type(node)
        if handle is not None and handle.name != node.name.value:  # type: ignore[attr-defined]
            handle = None  # the two parsers disagree about broken code: unknown is silent
        for check in self.checks:
            check.definition = handle
        self._judge(node, kind)
        self.parents.append(node)
        for attr in _children(kind):
            if attr != "body":
                self._visit_value(getattr(node, attr))
        outer = [(check.function, check.block) for check in self.checks]
        for check in self.checks:
            if isinstance(handle, Function):
                check.function = handle
            check.block = handle.facts.block if handle is not None else check.block
        self.visit(node.body)  # type: ignore[attr-defined]
        for check, (function, block) in zip(self.checks, outer, strict=True):
            check.function, check.block = function, block
        self.parents.pop()


_fields: dict[type, tuple[str, ...]] = {}


def _children(kind: type) -> tuple[str, ...]:
    """The fields of a node class that hold code, heads of definitions first (in libcst decorators follow the body)."""
    if kind not in _fields:
        names = [
            name
            for name in kind.__dataclass_fields__  # type: ignore[attr-defined]
            if name not in _SKIPPED and not name.startswith("whitespace")
        ]
        first = [name for name in _HEAD_FIRST if name in names] if "body" in names else []
        _fields[kind] = tuple(first + [name for name in names if name not in first])
    return _fields[kind]
