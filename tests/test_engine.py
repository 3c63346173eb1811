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
from fastapi_lint.index.build import build
from fastapi_lint.model import Function, Module, Project
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
