"""Edits made of libcst nodes: what stands in the text before and after."""

from __future__ import annotations

from typing import TypeVar

import libcst as cst
import pytest

from fastapi_lint.files.source import Source
from fastapi_lint.fixing.edits import (
    add_argument,
    comments_in,
    delete,
    insert_after,
    insert_before,
    insert_statement_after,
    insert_statement_before,
    remove_argument,
    remove_statement,
    rename_argument,
    replace,
    replace_argument_value,
)
from fastapi_lint.fixing.edits.bindings import nodes
from fastapi_lint.fixing.fixer import apply

Node = TypeVar("Node", bound=cst.CSTNode)


def source_of(text: str) -> Source:
    return Source("app.py", text.encode())


def find(source: Source, kind: type[Node], code: str | None = None) -> Node:
    """The first node of a kind, in field order, whose text is `code`."""
    return next(node for node in nodes(source.tree) if isinstance(node, kind) and code in (None, source.code_of(node)))


def without(text: str, argument: str) -> str:
    source = source_of(text)
    call = find(source, cst.Call)
    arg = next(arg for arg in call.args if source.code_of(arg) == argument)
    after = apply(source, [remove_argument(source, call, arg)])
    compile(after, "after", "exec")
    return after


@pytest.mark.parametrize(
    ("before", "argument", "after"),
    [
        ("f(a)\n", "a", "f()\n"),
        ("f( a, )\n", "a", "f()\n"),
        ("f(a, b, c)\n", "a", "f(b, c)\n"),
        ("f(a, b, c)\n", "b", "f(a, c)\n"),
        ("f(a, b, c)\n", "c", "f(a, b)\n"),
        ("f(a,b,)\n", "b", "f(a,)\n"),
        ("f(a , b=(1) )\n", "b=(1)", "f(a )\n"),
        ("(f)(é, b)\n", "b", "(f)(é)\n"),
        ("f(*a, **b)\n", "*a", "f(**b)\n"),
        ("f(\n    a,\n)\n", "a", "f()\n"),
        ("f(\n    a,\n    b,\n    c,\n)\n", "a", "f(\n    b,\n    c,\n)\n"),
        ("f(\n    a,\n    b,\n    c,\n)\n", "b", "f(\n    a,\n    c,\n)\n"),
        ("f(\n    a,\n    b,\n    c,\n)\n", "c", "f(\n    a,\n    b,\n)\n"),
        ("f(\n    a,\n    b\n)\n", "b", "f(\n    a\n)\n"),
        ("f(\n    a,\n    b)\n", "b", "f(\n    a)\n"),
        ("f(\n    a, b,\n    c,\n)\n", "a", "f(\n    b,\n    c,\n)\n"),
        ("f(\n    a, b,\n    c,\n)\n", "b", "f(\n    a,\n    c,\n)\n"),
        ("f(a,\n  b)\n", "a", "f(b)\n"),
        ("f(a,\n  b)\n", "b", "f(a)\n"),
        ("f(a,  # about a\n  b)\n", "a", "f(  # about a\n  b)\n"),
        ("f(a,  # about a\n  b)\n", "b", "f(a,  # about a\n  )\n"),
        ("f(\n    a,  # about a\n    b,  # about b\n    c,  # about c\n)\n", "b",
         "f(\n    a,  # about a\n    # about b\n    c,  # about c\n)\n"),
        ("f(\n    a,  # about a\n    b  # about b\n)\n", "b", "f(\n    a,  # about a\n    # about b\n)\n"),
        ("f(\n    a,\n    b  # about b\n)\n", "b", "f(\n    a,\n    # about b\n)\n"),
        ("f(\n    a,  # about a\n    b\n)\n", "b", "f(\n    a,  # about a\n)\n"),
        ("f(\n    a,  # about a\n    b)\n", "b", "f(\n    a,  # about a\n    )\n"),
        ("f(\n    # above\n    a,  # about a\n)\n", "a", "f(\n    # above\n    # about a\n)\n"),
        ("f(x, a,  # about a\n  b)\n", "a", "f(x,  # about a\n  b)\n"),
        ("f(\n    a,\n    b=[\n        1,\n    ],\n    c=2,\n)\n", "b=[\n        1,\n    ]",
         "f(\n    a,\n    c=2,\n)\n"),
        ("f(\r\n    a,\r\n    b,\r\n)\r\n", "a", "f(\r\n    b,\r\n)\r\n"),
        ("f(a, '#', b)\n", "b", "f(a, '#')\n"),
    ],
)  # fmt: skip
def test_an_argument_goes_with_one_comma_and_leaves_its_comment(before: str, argument: str, after: str) -> None:
    assert without(before, argument) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("f()\n", "f(x=1)\n"),
        ("f( )\n", "f(x=1 )\n"),
        ("f(\n    # nothing yet\n)\n", "f(x=1\n    # nothing yet\n)\n"),
        ("f(a)\n", "f(a, x=1)\n"),
        ("f( a )\n", "f( a, x=1 )\n"),
        ("f(a,)\n", "f(a, x=1,)\n"),
        ("f(i for i in a)\n", "f((i for i in a), x=1)\n"),
        ("f((i for i in a))\n", "f((i for i in a), x=1)\n"),
        ("f(\n    a,\n    b,\n)\n", "f(\n    a,\n    b,\n    x=1,\n)\n"),
        ("f(\n    a,\n    b\n)\n", "f(\n    a,\n    b,\n    x=1\n)\n"),
        ("f(\n    a,\n    b)\n", "f(\n    a,\n    b,\n    x=1)\n"),
        ("f(\n    a,  # about a\n    b,  # about b\n)\n", "f(\n    a,  # about a\n    b,  # about b\n    x=1,\n)\n"),
        ("f(\n    a,\n    b  # about b\n)\n", "f(\n    a,\n    b,  # about b\n    x=1\n)\n"),
        ("f(\n    a, b\n)\n", "f(\n    a, b, x=1\n)\n"),
        ("f(a, {\n    1: 2,\n})\n", "f(a, {\n    1: 2,\n}, x=1)\n"),
        ("f(\n\ta,\n\tb=[\n\t\t1,\n\t],\n)\n", "f(\n\ta,\n\tb=[\n\t\t1,\n\t],\n\tx=1,\n)\n"),
        ("f(\r\n    a,\r\n)\r\n", "f(\r\n    a,\r\n    x=1,\r\n)\r\n"),
    ],
)
def test_an_argument_is_added_in_the_layout_of_the_call(before: str, after: str) -> None:
    source = source_of(before)
    assert apply(source, [add_argument(source, find(source, cst.Call), "x=1")]) == after
    compile(after, "after", "exec")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("f()\n", "f(x)\n"),
        ("f(a)\n", "f(x, a)\n"),
        ("f(\n    a,\n    b,\n)\n", "f(\n    x,\n    a,\n    b,\n)\n"),
        ("f(i for i in a)\n", "f(x, (i for i in a))\n"),
    ],
)
def test_an_argument_is_added_in_front(before: str, after: str) -> None:
    source = source_of(before)
    assert apply(source, [add_argument(source, find(source, cst.Call), "x", first=True)]) == after


def test_keyword_and_value_of_an_argument() -> None:
    source = source_of("f(regex = ('a'), **b)\n")
    first, second = find(source, cst.Call).args
    assert apply(source, [rename_argument(source, first, "pattern")]) == "f(pattern = ('a'), **b)\n"
    assert apply(source, [replace_argument_value(source, first, "None")]) == "f(regex = None, **b)\n"
    assert apply(source, [replace_argument_value(source, second, "{}")]) == "f(regex = ('a'), **{})\n"
    with pytest.raises(ValueError, match="without a keyword"):
        rename_argument(source, second, "x")


def test_a_node_is_replaced_within_or_with_its_parentheses() -> None:
    source = source_of("x = ( (a, b) )  # ä\n")
    node = find(source, cst.Tuple)
    assert apply(source, [replace(source, node, "c")]) == "x = ( (c) )  # ä\n"
    assert apply(source, [replace(source, node, "c", parenthesised=True)]) == "x = c  # ä\n"
    assert apply(source, [delete(source, node)]) == "x = ( () )  # ä\n"
    edits = [insert_before(source, node, "*"), insert_after(source, node, ",")]
    assert apply(source, edits) == "x = ( (*a, b,) )  # ä\n"


def test_comments_inside_a_node_are_named_in_order() -> None:
    source = source_of("# 0\nf(  # 1\n    '# no',  # 2\n    # 3\n    b\n)  # 4\n")
    assert comments_in(source, find(source, cst.Call)) == ("# 1", "# 2", "# 3")
    assert comments_in(source, find(source, cst.Name, "b")) == ()


@pytest.mark.parametrize(
    ("before", "code", "after"),
    [
        ("a = 1\nb = 2\n", "a = 1", "b = 2\n"),
        ("a = 1\nb = 2", "b = 2", "a = 1\n"),
        ("a = 1; b = 2; c = 3\n", "a = 1", "b = 2; c = 3\n"),
        ("a = 1; b = 2; c = 3\n", "b = 2", "a = 1; c = 3\n"),
        ("a = 1; b = 2;\n", "b = 2", "a = 1;\n"),
        ("a = 1;  # why\nb = 2\n", "a = 1", "# why\nb = 2\n"),
        ("a = 1  # noqa: F841\nb = 2\n", "a = 1", "b = 2\n"),
        ("# above\na = 1\n", "a = 1", "# above\n"),
        ("if x: a = 1\n", "a = 1", "if x: pass\n"),
        ("if x:\n    a = 1  # why\n", "a = 1", "if x:\n    pass  # why\n"),
        ("if x:\n    a = 1\n    b = 2\n", "b = 2", "if x:\n    a = 1\n"),
        ("if x:\n    a = f(\n        1,\n    )\n    b = 2\n", "a = f(\n        1,\n    )", "if x:\n    b = 2\n"),
        ("def f():\n    'doc'\n    a = 1\n", "a = 1", "def f():\n    'doc'\n"),
        ("a = 1\r\nb = 2\r\n", "a = 1", "b = 2\r\n"),
    ],
)  # fmt: skip
def test_a_statement_goes_with_its_line(before: str, code: str, after: str) -> None:
    source = source_of(before)
    assert apply(source, [remove_statement(source, find(source, cst.Assign, code))]) == after
    compile(after, "after", "exec")


def test_a_compound_statement_goes_with_its_decorators() -> None:
    source = source_of("class A:\n    @d(\n        1)\n    def f(self):\n        return 1  # why\n\n    b = 2\n")
    edit = remove_statement(source, find(source, cst.FunctionDef))
    assert apply(source, [edit]) == "class A:\n    # why\n\n    b = 2\n"
    source = source_of("if x:\n    @d\n    class A:\n        a = 1\n")
    assert apply(source, [remove_statement(source, find(source, cst.ClassDef))]) == "if x:\n    pass\n"


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_statements_are_inserted_with_indentation_and_newlines_of_their_place(newline: str) -> None:
    text = "class A:\n    @d\n    def f(self):\n        return 1  # why\n".replace("\n", newline)
    source = source_of(text)
    function = find(source, cst.FunctionDef)
    above = apply(source, [insert_statement_before(source, function, "a = 1\nb = 2")])
    assert above == text.replace("    @d", f"    a = 1{newline}    b = 2{newline}    @d")
    assert apply(source, [insert_statement_after(source, function, "\na = 1")]) == f"{text}{newline}    a = 1{newline}"


def test_a_statement_is_inserted_after_a_last_line_without_newline() -> None:
    source = source_of("a = 1\nb = 2")
    last = source.tree.body[-1]
    assert isinstance(last, cst.SimpleStatementLine)
    assert apply(source, [insert_statement_after(source, last, "c = 3")]) == "a = 1\nb = 2\nc = 3"
