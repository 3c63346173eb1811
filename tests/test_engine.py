"""The dispatch: what becomes of fixes that rules leave to be made later, and of rules that fail."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from fastapi_lint import engine
from fastapi_lint.files.source import Source
from fastapi_lint.finding import Edit, Finding, Fix, Safety
from fastapi_lint.fixing.edits.calls import call_node
from fastapi_lint.index import facts as f
from fastapi_lint.index.build import build, empty_facts
from fastapi_lint.model import Function, Module, Project, Route
from fastapi_lint.model.routing.registrations import Registrations
from fastapi_lint.rule import Check, Rule, rule
from fastapi_lint.run.judging import Judgement, together

TEXT = "import os\n\n" + "".join(f"def f{i}(a):\n    x = a\n    return g(a, {i})\n\n\n" for i in range(20))


def project(**files: str) -> Project:
    sources = [Source(f"{name}.py", text.encode()) for name, text in files.items()]
    return Project(Module(source, build(source.utf8)) for source in sources)


def marked(function: Function, call: f.Call) -> Fix | None:
    """Makes an edit at a node of the call's tree."""
    found = call_node(function.module, call)
    if found is None:
        return None
    source, node = found
    return Fix("Mark it", Safety.SAFE, (Edit(source.span_of(node.func), "h"),))


@rule("FAPI998")
def later(function: Function, check: Check) -> Iterator[Finding]:
    """Leaves the fix of every call for later."""
    for call in function.calls:
        yield check.finding(call, "a call", fix=partial(marked, function, call))


@rule("FAPI999")
def failing(function: Function, check: Check) -> Iterator[Finding]:
    """Has fixes that cannot be made."""

    def making() -> Fix | None:
        call_node(function.module, function.calls[0])
        raise ZeroDivisionError

    yield check.finding(function, "a function", fix=making)


@rule("FAPI996")
def half(function: Function, check: Check) -> Iterator[Finding]:
    """Fails over a function that is named so, after it has said something."""
    yield check.finding(function, "a function")
    if function.name == "fails":
        raise ZeroDivisionError


@rule("FAPI995")
def looking_around(function: Function, check: Check) -> Iterator[Finding]:
    """Reads the text of every module."""
    for module in check.project.modules:
        _ = module.source.text
    yield check.finding(function, "a function")


@rule("FAPI994")
def of_routes(route: Route, check: Check) -> Iterator[Finding]:
    """Says something of every route."""
    yield check.finding(route, "a route", module=route.module)


@rule("FAPI997")
def elsewhere(function: Function, check: Check) -> Iterator[Finding]:
    """Reports in another module than the one it was asked about."""
    for other in check.project.functions:
        if other.module is not function.module and other.calls:
            call = other.calls[0]
            yield check.finding(call, "seen", module=other.module, fix=partial(marked, other, call))


def test_fixes_that_are_made_later_share_one_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    excerpt = Module._excerpt

    def counted(module: Module, places: list[int]) -> Source | None:
        opened.append(module.path)
        return excerpt(module, places)

    monkeypatch.setattr(Module, "_excerpt", counted)
    checked = engine.check(project(a=TEXT, b=TEXT), [later])
    assert len(checked.findings) == 40
    for finding in checked.findings:
        assert finding.fix is not None
        assert [edit.span.line for edit in finding.fix.edits] == [finding.span.line]
    assert opened == ["a.py", "b.py"]


def test_a_fix_that_fails_takes_nothing_with_it() -> None:
    checked = engine.check(project(a=TEXT), [later, failing])
    assert {notice.code for notice in checked.notices} == {"FAPI999"}
    assert "ZeroDivisionError" in checked.notices[0].message
    by_code = {code: [one for one in checked.findings if one.code == code] for code in ("FAPI998", "FAPI999")}
    assert len(by_code["FAPI999"]) == 20
    assert not any(one.fix for one in by_code["FAPI999"])
    assert all(one.fix for one in by_code["FAPI998"])


def test_a_rule_that_fails_costs_its_subject_and_nothing_else() -> None:
    text = "def before(a): g(a)\n\ndef fails(a): g(a)\n\ndef behind(a): g(a)\n"
    checked = engine.check(project(a=text, b=text.replace("fails", "works")), [half, later])
    said = [(one.path, one.span.line) for one in checked.findings if one.code == "FAPI996"]
    assert said == [("a.py", 1), ("a.py", 5), ("b.py", 1), ("b.py", 3), ("b.py", 5)]
    assert len([one for one in checked.findings if one.code == "FAPI998"]) == 6
    [notice] = checked.notices
    assert (notice.path, notice.code) == ("a.py", "FAPI996")
    assert "half" in notice.message


def test_an_unreadable_module_silences_itself_and_no_other() -> None:
    sources = [Source("a.py", b"def f(): g()\n"), Source("b.py", b"x = '\0'\n")]
    modules = [Module(sources[0], build(sources[0].utf8)), Module(sources[1], empty_facts())]
    checked = engine.check(Project(modules), [looking_around])
    assert [notice.path for notice in checked.notices] == ["a.py"], "the module that is judged can be read"
    alone = engine.check(Project(modules[1:]), [looking_around])
    assert (alone.findings, alone.notices) == ((), ())


def test_a_model_that_fails_takes_the_rules_about_its_subjects_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def contribute(self: Registrations, module: Module) -> list[int]:
        raise RecursionError("in a circle")

    monkeypatch.setattr(Registrations, "contribute", contribute)
    checked = engine.check(project(a=TEXT), [later, of_routes])
    assert len(checked.findings) == 20
    [notice] = checked.notices
    assert (notice.path, notice.code) == ("", "FAPI994")


@pytest.mark.parametrize("names", [("a", "b"), ("b", "a")])
def test_a_finding_in_another_module_gets_its_fix(names: tuple[str, ...]) -> None:
    texts = {"a": "def caller():\n    pass\n", "b": "def called():\n    return g(1)\n"}
    checked = engine.check(project(**{name: texts[name] for name in names}), [elsewhere])
    [finding] = checked.findings
    assert finding.path == "b.py"
    assert finding.fix is not None


def test_shares_come_to_the_same_as_one_run() -> None:
    rules: list[Rule] = [later, elsewhere]
    whole = engine.check(project(a=TEXT, b=TEXT), rules)
    parts = [engine.check(project(a=TEXT, b=TEXT), rules, share={path}) for path in ("a.py", "b.py")]
    shares = [Judgement(part.findings, part.notices, part.broken) for part in parts]
    assert together(shares).findings == whole.findings
