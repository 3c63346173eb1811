"""The dispatch: model subjects to model rules, libcst nodes to syntax rules, one pass over each opened module.

Reads no file, prints nothing, knows no rule by name. A rule that raises is reported with its code; the others go on.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from fastapi_lint.finding import Finding, Notice, Severity, by_place
from fastapi_lint.model.excerpts import NotYet
from fastapi_lint.model.project import Project
from fastapi_lint.model.symbols import Class, Function, Module
from fastapi_lint.rule import Check, Making, Option, Rule
from fastapi_lint.source import Unreadable

if TYPE_CHECKING:
    import libcst as cst

_SKIPPED = frozenset({
    "lpar", "rpar", "leading_lines", "lines_after_decorators", "comma", "semicolon", "dot", "equal", "header", "footer",
    "lbracket", "rbracket", "lbrace", "rbrace", "asynchronous", "star", "async_", "trailing_whitespace", "colon",
    "newline", "whitespace", "indent", "default_indent", "encoding", "default_newline", "has_trailing_newline",
    "operators",
})  # fmt: skip
_HEAD_FIRST = ("decorators", "name", "type_parameters", "params", "bases", "keywords", "returns")


class Checked(msgspec.Struct, frozen=True):
    """What the rules said: findings in order of place, notices about rules that failed, files that did not parse."""

    findings: tuple[Finding, ...]
    notices: tuple[Notice, ...]
    broken: tuple[str, ...] = ()


@dataclass
class _Run:
    """Findings and failures as they come, for one call of `check`."""

    project: Project
    options: Mapping[str, Mapping[str, Option]]
    findings: set[Finding] = field(default_factory=set)
    notices: dict[tuple[str, str], Notice] = field(default_factory=dict)
    fixes: dict[Module, dict[Finding, tuple[Rule, Making]]] = field(default_factory=dict)

    def judge(self, rule: Rule, subject: object, check: Check) -> None:
        """Ask one rule about one subject, and survive whatever it raises."""
        try:
            self.findings.update(rule.judge(subject, check))
        except Unreadable:
            pass  # FAPI001 says why; nothing else is known of such a file
        except Exception as error:
            self._failed(rule, check.module, error)
        for (module, finding), making in check.fixes.items():
            self.fixes.setdefault(module, {})[finding] = (rule, making)
        check.fixes.clear()

    def settle(self, module: Module) -> None:
        """Make the fixes of what was found in a module: first hear what they need of its tree, then open that."""
        asked = self.fixes.pop(module, {})
        module.collect()
        waiting = [item for item in asked.items() if not self._is_fixed(module, *item)]
        module.open()
        for item in waiting:
            self._is_fixed(module, *item)

    def _is_fixed(self, module: Module, finding: Finding, asked: tuple[Rule, Making]) -> bool:
        """Make the fix of a finding; False when it needs a tree that is not open yet."""
        rule, making = asked
        try:
            fix = making() if finding in self.findings else None
        except NotYet:
            return False
        except Exception as error:
            self._failed(rule, module, error)
            fix = None
        if fix is not None:
            self.findings.discard(finding)
            self.findings.add(msgspec.structs.replace(finding, fix=fix))
        return True

    def _failed(self, rule: Rule, module: Module, error: Exception) -> None:
        frames = traceback.extract_tb(sys.exc_info()[2])
        place = f"{frames[-1].name}, line {frames[-1].lineno}" if frames else "?"
        what = f"{type(error).__name__}: {error} [{place}]"
        message = f"rule {rule.code} ({rule.name}) failed with {what}; its findings here are missing"
        self.notices.setdefault((rule.code, module.path), Notice(message, module.path, rule.code, Severity.ERROR))

    def checks(self, rule: Rule, module: Module) -> Check:
        return Check(rule, self.project, module, self.options.get(rule.code, {}))


def check(
    project: Project,
    rules: Sequence[Rule],
    options: Mapping[str, Mapping[str, Option]] | None = None,
    *,
    only: Callable[[Module], bool] | None = None,
    share: Collection[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Checked:
    """Run rules over a project; `only` says for which modules findings are wanted, `options` are by rule code.

    With `share` only the subjects in modules with these paths are judged, and the project as a whole with the share
    that holds its first module: the findings of all shares together are those of one run.

    The same findings come out for any order of rules and modules.
    """
    run = _Run(project, options or {})
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
    placed: dict[Module, list[tuple[object, str]]] = {}
    for name, subjects in project.subjects(by_subject.keys()):
        for subject, module in subjects:
            if name != "Project" and module in wanted:
                placed.setdefault(module, []).append((subject, name))
            elif name == "Project" and (share is None or module.path in share):
                for rule in by_subject[name]:
                    run.judge(rule, subject, run.checks(rule, module))
    for i, module in enumerate(modules):
        if progress is not None:
            progress(i, len(modules))
        _check_functions(run, module, by_subject)
        _check_tree(run, module, [rule for rule in syntax if _occurs(rule, module)])
        for subject, name in placed.get(module, ()):
            for rule in by_subject[name]:
                run.judge(rule, subject, run.checks(rule, module))
        run.settle(module)
        module.forget_tree()
    for module in modules:  # after everything that may have opened its tree and found it broken
        for rule in by_subject.get("Module", ()):
            run.judge(rule, module, run.checks(rule, module))
        run.settle(module)
        module.forget_tree()
    for module in tuple(run.fixes):  # what was found there from elsewhere
        run.settle(module)
        module.forget_tree()
    paths = {module.path for module in reported}
    findings = sorted((f for f in run.findings if f.path in paths), key=by_place)
    broken = tuple(module.path for module in project.modules if module.is_broken)
    return Checked(tuple(findings), tuple(run.notices[key] for key in sorted(run.notices)), broken)


def merged(shares: Iterable[Checked]) -> Checked:
    """What the shares of a project come to together: the same as one run over all of it."""
    findings: dict[Finding, None] = {}
    notices: dict[tuple[str, str], Notice] = {}
    broken: set[str] = set()
    for share in shares:
        findings.update(dict.fromkeys(share.findings))
        for notice in share.notices:
            notices.setdefault((notice.code, notice.path), notice)
        broken.update(share.broken)
    ordered = tuple(notices[key] for key in sorted(notices))
    return Checked(tuple(sorted(findings, key=by_place)), ordered, tuple(sorted(broken)))


def _occurs(rule: Rule, module: Module) -> bool:
    data = module.source.data
    if rule.words and not any(word.encode() in data for word in rule.words):
        return False
    return rule.hint is None or rule.hint.search(data) is not None


def _check_functions(run: _Run, module: Module, by_subject: Mapping[str, list[Rule]]) -> None:
    for name, subjects in (("Function", module.functions), ("Class", module.classes)):
        for rule in by_subject.get(name, ()):
            if _occurs(rule, module):
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
