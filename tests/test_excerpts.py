"""Excerpts: a tree of a part of a file, in which everything stands where it stands in the file."""

from __future__ import annotations

from pathlib import Path

import libcst as cst
import pytest

from fastapi_lint.files.source import Source
from fastapi_lint.fixing.edits.bindings import module_imports, module_names
from fastapi_lint.fixing.edits.bindings import nodes as nodes_of
from fastapi_lint.fixing.edits.calls import call_node, function_node
from fastapi_lint.index.build import build
from fastapi_lint.model.names.symbols import Module
from fastapi_lint.model.names.trees.excerpts import NotYet

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
FILES = sorted([*ROOT.glob("fixtures/*/*.py"), *ROOT.glob("fixtures/*/more/*.py"), *ROOT.glob("src/**/*.py")])


def module_of(text: str) -> Module:
    source = Source("a.py", text.encode())
    return Module(source, build(source.utf8))


@pytest.mark.parametrize(("number", "path"), list(enumerate(FILES[::2])), ids=str)
def test_what_is_left_stands_where_it_stood(number: int, path: Path) -> None:
    source = Source(path.name, path.read_bytes())
    module = Module(source, build(source.utf8))
    whole = module.tree
    if whole is None:
        pytest.skip("a fixture that does not parse")
    spans = {(type(node), source.span_of(node), source.code_of(node)) for node in nodes_of(whole) if is_code(node)}
    places = [place for function in module.functions[:8] for place in (function.start, function.facts.head_end)]
    choices: tuple[list[int], ...] = ([], [0], places[:1], places[-1:], places[::2])
    names = module_names(whole)
    imports = [(one.local, one.module, one.name, one.when) for one in module_imports(whole)]
    choice = choices[number % 5]  # that of every fifth file
    for wanted in (choice, places) if choice != places else (places,):
        module.forget_tree()
        excerpt = excerpt_of(module, wanted)
        assert excerpt is not None
        left = {(type(n), excerpt.span_of(n), excerpt.code_of(n)) for n in nodes_of(excerpt.tree) if is_code(n)}
        assert left <= spans
        assert module_names(excerpt.tree) == names
        assert [(one.local, one.module, one.name, one.when) for one in module_imports(excerpt.tree)] == imports


def excerpt_of(module: Module, places: list[int]) -> Source | None:
    """One excerpt for all places, as the engine has it made."""
    module.collect()
    for place in places:
        with pytest.raises(NotYet):
            module.excerpt(place)
    module.open()
    return module.excerpt(places[0] if places else 0)


CODE = {cst.Call, cst.Param, cst.Decorator, cst.Import, cst.ImportFrom, cst.Assign}


def is_code(node: cst.CSTNode) -> bool:
    """Nodes that are not part of what an excerpt writes in the place of what it leaves out."""
    return type(node) in CODE  # (these are abstract base classes, which `isinstance` asks slowly)


@pytest.mark.parametrize("path", FILES[::7], ids=lambda path: str(path.relative_to(ROOT)))
def test_every_call_and_function_is_found(path: Path) -> None:
    source = Source(path.name, path.read_bytes())
    module = Module(source, build(source.utf8))
    if module.facts.errors or module.tree is None:
        pytest.skip("a fixture that does not parse")
    module.forget_tree()
    for call in module.facts.calls:
        found = call_node(module, call)
        assert found is not None
        assert found[0].span_of(found[1]) == source.span(call.start, call.end)
    for function in module.functions:
        if function.name != "<lambda>":
            node = function_node(function)
            body = function_node(function, body=True)
            assert node is not None
            assert body is not None
            assert node[1].name.value == body[1].name.value == function.name
            assert source.text.find(body[0].code_of(body[1].body)) >= 0


MIXED = (
    '"""x"""\r\nimport os\n\n\nclass C:\r    def a(self):\r        return "\u00e9\u00e9"; x = 1\r\n\n'
    "    async def b(self): return 1\n\n\n@dec(1)\ndef outer():\n\tglobal taken\n\ttaken = 1\n\n"
    "\tdef inner(q=f(2)):\n\t\treturn g(q)\n\treturn inner\n"
)


def test_newlines_tabs_and_letters_count_as_in_the_file() -> None:
    module = module_of(MIXED)
    for call in module.facts.calls:
        found = call_node(module, call)
        assert found is not None
        assert found[0].code_of(found[1]) == module.source.slice(call.start, call.end)
    excerpt = module.excerpt(0)
    assert excerpt is not None
    assert "taken" in module_names(excerpt.tree)  # a body that binds names elsewhere is not left out


def test_many_excerpts_cost_no_more_than_the_file() -> None:
    text = "import os\n\n" + "\n\n".join(f"def f{i}(a, b):\n    return g{i}(a)" for i in range(200))
    module = module_of(text)
    for call in module.facts.calls:
        assert call_node(module, call) is not None
    assert "tree" in module.__dict__  # opened whole in the end
    assert len(module._excerpts) == 200
    assert len({id(excerpt) for excerpt in module._excerpts.values()}) < 20


def test_a_broken_file_has_no_excerpt() -> None:
    assert module_of("def f(:\n    pass\n").excerpt(0) is None
