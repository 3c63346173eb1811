"""The dispatch: model subjects to model rules, libcst nodes to syntax rules, one pass over each opened module.

Reads no file, prints nothing, knows no rule by name. A rule that raises is reported with its code; the others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import msgspec

from fastapi_lint.files.source import Unreadable
from fastapi_lint.finding import Finding, Notice, by_place, nearest
from fastapi_lint.model.names import Module, NotYet
from fastapi_lint.model.names.trees.nodes import Walk
from fastapi_lint.model.project import Project
from fastapi_lint.rule import Check, Making, Option, Rule, made

Judged = tuple[str, str]
"""A rule and a module whose subjects it judges, by code and path; no path (`WHOLE`) for the project as a whole."""
WHOLE = ""


@dataclass(frozen=True)
class Task:
    """A module to judge: the codes of the rules that are due (None: all), and the project's subjects in it by kind."""

    module: Module
    due: Collection[str] | None
    subjects: Sequence[tuple[str, object]]

    def asks(self, rule: Rule) -> bool:
        """Whether a rule has to judge the module."""
        return self.due is None or rule.code in self.due


class Plan:
    """What is judged in a run: everything. Incremental runs have a plan that knows better (`incremental.recorder`)."""

    def __init__(self, project: Project) -> None:
        self.project = project

    def whole(self) -> Collection[str] | None:
        """The codes of the rules that are due for the project as a whole; None for all."""
        return None

    def tasks(self, modules: Sequence[Module], kinds: Sequence[str]) -> Sequence[Task]:
        """What is to be done for modules, given the kinds of the project's subjects that rules ask for."""
        placed = self.project.subjects_by_module(kinds, modules)
        return [Task(module, None, placed.get(module, ())) for module in modules]

    def watching(self, judged: Judged) -> AbstractContextManager[object]:
        """Is entered while a rule is asked about one subject."""
        return _NOBODY

    def opened(self, judged: Judged, subject: object) -> object:
        """One of the project's subjects, as a rule is given it."""
        return self.project.opened(subject)

    def fixed(self, judged: Judged, finding: Finding, making: Making) -> Finding:
        """A finding with its fix. Raises what `making` raises."""
        return msgspec.structs.replace(finding, fix=made(making))


_NOBODY = nullcontext()


@dataclass(frozen=True)
class Checked:
    """What the rules said: all of it, and of that what is reported in order of place; notices about rules that failed.

    `broken` are the files that turned out not to parse.
    """

    said: Mapping[Judged, Collection[Finding]]
    findings: tuple[Finding, ...]
    notices: tuple[Notice, ...]
    broken: tuple[str, ...]


def check(
    project: Project,
    rules: Sequence[Rule],
    options: Mapping[str, Mapping[str, Option]] | None = None,
    *,
    only: Callable[[Module], bool] | None = None,
    share: Collection[str] | None = None,
    plan: Plan | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Checked:
    """Run rules over a project; `only` says for which modules findings are wanted, `options` are by rule code.

    With `share` only the subjects in modules with these paths are judged, and the project as a whole with the share
    that holds its first module: the findings of all shares together are those of one run. A `plan` may know that not
    all of it has to be judged.

    The same findings come out for any order of rules and modules.
    """
    plan = plan or Plan(project)
    run = _Run(project, options or {}, plan)
    reported = [module for module in project.modules if only is None or only(module)]
    modules = [module for module in reported if share is None or module.path in share]
    by_subject: dict[str, list[Rule]] = {}
    syntax: list[Rule] = []
    for rule in rules:
        if rule.kind == "syntax":
            syntax.append(rule)
            continue
        for subject in rule.subjects:
            by_subject.setdefault(subject.__name__, []).append(rule)
    first = next(iter(project.modules), None)
    if first is not None and (share is None or (reported and reported[0].path in share)):
        due = plan.whole()
        for rule in by_subject.get("Project", ()):
            if due is None or rule.code in due:
                run.judge(rule, (project,), run.check_for(rule, first), WHOLE)
    tasks = run.tasks(modules, by_subject)
    for done, task in enumerate(tasks):
        if progress is not None:
            progress(done, len(tasks))
        run.definitions(task, by_subject)
        run.nodes(task, [rule for rule in syntax if task.asks(rule) and rule.may_concern(task.module)])
        for kind, found in task.subjects:
            for rule in by_subject[kind]:
                if task.asks(rule):
                    run.judge(rule, (found,), run.check_for(rule, task.module), task.module.path, closed=True)
        run.settle(task.module)
    for task in tasks:  # after everything that may have opened its tree and found it broken
        for rule in by_subject.get("Module", ()):
            if task.asks(rule):
                run.judge(rule, (task.module,), run.check_for(rule, task.module), task.module.path)
        run.settle(task.module)
    for module in tuple(run.fixes):  # what was found there from elsewhere
        run.settle(module)
    paths = {module.path for module in reported}
    findings = nearest(finding for said in run.said.values() for finding in said if finding.path in paths)
    return Checked(
        run.said,
        tuple(sorted(findings, key=by_place)),
        tuple(run.notices[key] for key in sorted(run.notices)),
        tuple(module.path for module in project.modules if module.is_broken),
    )


@dataclass
class _Run:
    """Findings and failures as they come, for one call of `check`."""

    project: Project
    options: Mapping[str, Mapping[str, Option]]
    plan: Plan
    said: dict[Judged, set[Finding]] = field(default_factory=dict)
    notices: dict[tuple[str, str], Notice] = field(default_factory=dict)
    fixes: dict[Module, dict[tuple[Judged, Finding], tuple[Rule, Making]]] = field(default_factory=dict)

    def check_for(self, rule: Rule, module: Module) -> Check:
        """What a rule may ask about a module."""
        return Check(rule, self.project, module, self.options.get(rule.code, {}))

    def tasks(self, modules: Sequence[Module], by_subject: Mapping[str, list[Rule]]) -> Sequence[Task]:
        """What the plan says; over whatever subjects the model fails, the rules about them fail as well."""
        kinds = [kind for kind in self.project.SUBJECTS if kind in by_subject]
        try:
            return self.plan.tasks(modules, kinds)
        except Exception:
            for kind in tuple(kinds):
                try:
                    self.project.subjects_by_module([kind], modules)
                except Exception as error:
                    kinds.remove(kind)
                    for rule in by_subject[kind]:
                        self.notices[rule.code, WHOLE] = rule.failure(error, WHOLE)
            return self.plan.tasks(modules, kinds)

    def judge(self, rule: Rule, subjects: Sequence[object], check: Check, path: str, *, closed: bool = False) -> None:
        """Ask one rule about subjects, opened first if `closed`. What it raises costs what it says of that one."""
        judged = (rule.code, path)
        rest = iter(subjects)
        while True:
            try:
                opened = iter([self.plan.opened(judged, each) for each in rest]) if closed else rest
                with self.plan.watching(judged):
                    for subject in opened:
                        if found := list(rule.judge(subject, check)):
                            self.said.setdefault(judged, set()).update(rule.verified(found))
                            for (module, finding), making in check.fixes.items():
                                self.fixes.setdefault(module, {})[judged, finding] = (rule, making)
                            check.fixes.clear()
                return
            except Exception as error:
                check.fixes.clear()
                if not (isinstance(error, Unreadable) and check.module.is_unreadable):  # of which FAPI001 says why
                    self.notices.setdefault(judged, rule.failure(error, path))

    def definitions(self, task: Task, by_subject: Mapping[str, list[Rule]]) -> None:
        """The functions and classes of a module to the rules that ask for them."""
        module = task.module
        for kind in ("Function", "Class"):
            subjects: Sequence[object] = module.functions if kind == "Function" else module.classes
            for rule in by_subject.get(kind, ()) if subjects else ():
                if task.asks(rule) and rule.may_concern(module):
                    self.judge(rule, subjects, self.check_for(rule, module), module.path)

    def nodes(self, task: Task, rules: Sequence[Rule]) -> None:
        """The nodes of a module's tree to syntax rules."""
        module = task.module
        if not rules or (tree := module.tree) is None:
            return
        by_kind: dict[type, list[tuple[Rule, Check]]] = {}
        checks = [(rule, self.check_for(rule, module)) for rule in rules]
        for rule, check in checks:
            for kind in rule.subjects:
                by_kind.setdefault(kind, []).append((rule, check))

        def visit(node: object) -> None:
            for rule, check in by_kind.get(type(node), ()):
                self.judge(rule, (node,), check, module.path)

        try:
            Walk(module, visit, [check for _, check in checks]).over(tree)
        except RecursionError:
            self.notices["", module.path] = Notice("nested too deeply to be checked by syntax rules", module.path)

    def settle(self, module: Module) -> None:
        """Make the fixes of what was found in a module: first hear what they need of its tree, then open that."""
        asked = self.fixes.pop(module, {})
        module.collect()
        waiting = [item for item in asked.items() if not self._is_fixed(module, *item)]
        module.open()
        for item in waiting:
            self._is_fixed(module, *item)
        module.forget_tree()

    def _is_fixed(self, module: Module, found: tuple[Judged, Finding], asked: tuple[Rule, Making]) -> bool:
        """Make the fix of a finding; False when it needs a tree that is not open yet."""
        (judged, finding), (rule, making) = found, asked
        if finding not in self.said[judged]:
            return True
        try:
            fixed = self.plan.fixed(judged, finding, making)
        except NotYet:
            return False
        except Exception as error:
            self.notices.setdefault((rule.code, module.path), rule.failure(error, module.path, "fixes"))
            return True
        self.said[judged].discard(finding)
        self.said[judged].add(fixed)
        return True
