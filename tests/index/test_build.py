"""The facts of small sources, of every newer syntax, and of text that is no Python."""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastapi_lint.index import facts as f
from fastapi_lint.index.build import build


def show(value: f.Expr | None) -> str:
    """An expression in one line: calls as `call0`, unknown as `?`."""
    if value is None:
        return "-"
    if isinstance(value, f.Name):
        return value.id
    if isinstance(value, f.Attr):
        return f"{show(value.value)}.{value.attr}"
    if isinstance(value, f.CallRef):
        return f"call{value.index}"
    if isinstance(value, f.Const):
        return repr(value.value)
    if isinstance(value, f.Raw):
        return f"<{value.kind}>"
    if isinstance(value, f.Display):
        return f"{value.kind}({', '.join(map(show, value.items))})"
    if isinstance(value, f.Mapping):
        return "{" + ", ".join(f"{show(k)}: {show(v)}" for k, v in value.items) + "}"
    if isinstance(value, f.Sub):
        return f"{show(value.value)}[{', '.join(map(show, value.items))}]"
    if isinstance(value, f.Await):
        return f"await {show(value.value)}"
    if isinstance(value, f.Joined):
        return f"joined({', '.join(map(show, value.parts))})"
    if isinstance(value, f.Binary):
        return f"({show(value.left)} {value.op} {show(value.right)})"
    if isinstance(value, f.Unary):
        return f"({value.op} {show(value.value)})"
    if isinstance(value, f.Compare):
        operators = ("", *value.operators)
        return (
            "(" + " ".join(f"{op} {show(one)}".strip() for op, one in zip(operators, value.operands, strict=True)) + ")"
        )
    if isinstance(value, f.Star):
        return f"*{show(value.value)}"
    if isinstance(value, f.Lambda):
        return f"lambda{value.index}"
    if isinstance(value, f.Choice):
        test = f" if {show(value.test)}" if value.test is not None else ""
        return f"one({', '.join(map(show, value.options))}{test})"
    if isinstance(value, f.Each):
        return f"each {value.kind}({show(value.element)})"
    return "yielded" if isinstance(value, f.Yielded) else "?"


def read(source: str) -> f.Facts:
    """Facts of a source that has no errors; they survive being written and read."""
    facts = build(source.encode())
    assert facts.errors == ()
    assert round_trip(facts) == facts
    return facts


def round_trip(facts: f.Facts) -> f.Facts:
    return msgspec.msgpack.decode(msgspec.msgpack.encode(facts), type=f.Facts)


def blocks(facts: f.Facts) -> list[str]:
    """The blocks as `kind<parent`, with test and target when there are any."""
    lines = []
    for block in facts.blocks:
        line = f"{'async ' if block.is_async else ''}{block.kind}<{block.parent}"
        if block.test is not None:
            line += f" {show(block.test)}"
        if block.target is not None:
            line += f" as {show(block.target)}"
        lines.append(line)
    return lines


def calls(source: str) -> list[str]:
    """The calls of a source as `callee(arguments) use@block`, `awaited` when they are."""
    lines = []
    for call in read(source).calls:
        args = ", ".join(
            f"{a.name}={show(a.value)}" if a.name.isidentifier() else a.name + show(a.value) for a in call.args
        )
        waits = f"{' awaited' if call.awaited else ''}{' later' if call.later else ''}"
        lines.append(f"{show(call.func)}({args}) {call.use}@{call.block}{waits}")
    return lines


VALUES = {
    "a": "a",
    "a.b.c": "a.b.c",
    "a . b": "a.b",
    "(a)": "a",
    "None": "None",
    "True": "True",
    "0": "0",
    "0x_ff": "255",
    "1_000": "1000",
    "1.5e3": "1500.0",
    "-3": "-3",
    "- 2.5": "-2.5",
    "+1": "1",
    "-x": "(- x)",
    "not x": "(not x)",
    "~f()": "(~ call0)",
    "a is  not b": "(a is not b)",
    "(a not in\n b)": "(a not in b)",
    "a < f() <= c": "(a < call0 <= c)",
    "3j": "?",
    "18446744073709551615": "18446744073709551615",
    "18446744073709551616": "?",
    "-9223372036854775808": "-9223372036854775808",
    "-9223372036854775809": "(- 9223372036854775809)",
    "...": "<ellipsis>",
    "b'x' rb'y'": "<bytes>",
    "'a' \"b\"": "'ab'",
    "''": "''",
    '""""""': "''",
    "'''a\nb'''": repr("a\nb"),
    r"'\x41\101\u0042\U00000043\N{DIGIT ONE}\n\'\q'": repr("AABC1\n'\\q"),
    "'a\\\nb'": "'ab'",
    r"r'\n'": repr("\\n"),
    r"u'\u00e9'": "'é'",
    "'é' 'ü'": "'éü'",
    r"'\ud800'": "?",
    r"'\N{NO SUCH CHARACTER}'": "?",
    f"'{'x' * 10_000}'": repr("x" * 10_000),
    f"'{'x' * 10_001}'": "?",
    f"'{'x' * 6000}' '{'x' * 6000}'": "?",
    "f'a{b}c'": "joined('a', b, 'c')",
    "f'{{a}}{b!r:>{w}}'": "joined('{a}', b)",
    "f'{1!r}'": "joined(?)",
    "f'x'": "joined('x')",
    "rf'\\d{a}'": repr("\\d").join(["joined(", ", a)"]),
    "'a' f'b{c}' 'd'": "joined('ab', c, 'd')",
    "f'''{\n a}'''": "joined(a)",
    "[1, 'a', *b]": "list(1, 'a', *b)",
    "()": "tuple()",
    "(1,)": "tuple(1)",
    "1, 2": "tuple(1, 2)",
    "*a, b": "tuple(*a, b)",
    "{1, 2}": "set(1, 2)",
    "{'a': 1, **b}": "{'a': 1, -: b}",
    "a[1, *b]": "a[1, *b]",
    "a[1:2]": "a[?]",
    "a[b].c": "a[b].c",
    "a + b % c": "(a + (b % c))",
    "a | b | None": "((a | b) | None)",
    "a < b": "(a < b)",
    "a if b else c": "one(a, c if b)",
    "a or b and c or d": "one(a, one(b, c), d)",
    "await a": "await a",
    "lambda: 0": "lambda0",
    "[a for b in c]": "each list(a)",
    "{a for b in c}": "each set(a)",
    "{a: d for b in c}": "each dict({a: d})",
    "(a for b in c)": "each generator(a)",
    "yield": "yielded",
    "(yield from a)": "yielded",
    "(y := a)": "a",
}


@pytest.mark.parametrize("source", VALUES, ids=lambda source: source[:30])
def test_values(source: str) -> None:
    (assign,) = [a for a in read(f"x = {source}\n").assigns if a.op == "="]
    assert show(assign.value) == VALUES[source]


ANNOTATIONS = {
    "int": "int",
    "'A.B'": "'A.B'",
    "a.B | None": "(a.B | None)",
    "dict[str, t.Any]": "dict[str, t.Any]",
    "Annotated[int, Depends(f)]": "Annotated[int, call0]",
    "Callable[[int], str]": "Callable[list(int), str]",
    "t.O[a].b": "t.O[a].b",
    "Literal['a', 1]": "Literal['a', 1]",
    "Tuple[int, ...]": "Tuple[int, <ellipsis>]",
    "type[A]": "type[A]",
}


@pytest.mark.parametrize("source", ANNOTATIONS)
def test_annotations_mean_the_same_everywhere(source: str) -> None:
    facts = read(f"x: {source}\n")
    assert show(facts.assigns[0].annotation) == ANNOTATIONS[source]
    assert (facts.assigns[0].value, facts.assigns[0].op) == (None, "=")
    facts = read(f"def g(x: {source}): ...\n")
    assert show(facts.functions[0].params[0].annotation) == ANNOTATIONS[source]
    facts = read(f"async def g() -> {source}:\n    ...\n")
    assert show(facts.functions[0].returns) == ANNOTATIONS[source]


def test_type_parameters_keep_their_bounds() -> None:
    facts = read("class A[T: B, *Ts, **P, K: (C, D), E = F]:\n    def f[U: 'M'](self, x: U) -> U: ...\n")
    found = [(name, bound and show(bound)) for name, bound in facts.classes[0].variables[:4]]
    assert found == [("T", "B"), ("Ts", None), ("P", None), ("K", "tuple(C, D)")]
    assert [(name, bound and show(bound)) for name, bound in facts.functions[0].variables] == [("U", "'M'")]


CALLS = {
    "f()": ["f() statement@0"],
    "(f())": ["f() statement@0"],
    "await f()": ["f() statement@0 awaited"],
    "x = await (f())": ["f() value@0 awaited"],
    "await (x := f())": ["f() value@0 awaited"],
    "await (f() if g() else h())": ["f() value@0 awaited", "g() value@0", "h() value@0 awaited"],
    "x = f()\ng()\nawait x": ["f() value@0 awaited later", "g() statement@0"],
    "x = f()\nawait x\nx = g()\ny = await x": ["f() value@0 awaited later", "g() value@0 awaited later"],
    "x = f()\nif y: await x": ["f() value@0"],
    "x = f()\nif y: x = g()\nawait x": ["f() value@0", "g() value@2"],
    "x = f()\nfor x in y: pass\nawait x": ["f() value@0"],
    "x, y = f()\nawait x": ["f() value@0"],
    "x = await f()\nawait x": ["f() value@0 awaited"],
    "f(), g()": ["f() value@0", "g() value@0"],
    "f(a, *b, c=1, **d)": ["f(a, *b, c=1, **d) statement@0"],
    "f(g(h()))": ["f(call1) statement@0", "g(call2) value@0", "h() value@0"],
    "a.b(1).c(d())[0].e()": [
        "call1[0].e() statement@0", "call2.c(call3) value@0", "a.b(1) value@0", "d() value@0",
    ],
    "f(a)(b)": ["call1(b) statement@0", "f(a) value@0"],
    "(f)(a)": ["f(a) statement@0"],
    "f(x for x in y())": ["f(each generator(x)) statement@0", "y() iter@0"],
    "f(\n  # comment\n  a,  # comment\n  b=  # comment\n  c,\n)": ["f(a, b=c) statement@0"],
    "print(a)": ["print(a) statement@0"],
    "x = {*a.b(), *c()}": ["a.b() value@0", "c() value@0"],
    "assert f(), g()": ["f() value@0", "g() value@0"],
    "f'{a()!r:{b()}}'": ["a() value@0", "b() value@0"],
    "x[f()] = y": ["f() value@0"],
    "for x in f(): g()": ["f() iter@0", "g() statement@1"],
    "for x in f() or g(): pass": ["f() value@0", "g() value@0"],
    "while f(): g()": ["f() value@1", "g() statement@1"],
    "while f(): pass\nelse: g()": ["f() value@1", "g() statement@2"],
    "with f() as a, g(): h()": ["f() with@0", "g() with@1", "h() statement@2"],
    "async def a():\n async with await f(): pass": ["f() with@1 awaited"],
    "async def a():\n async for b in f(): await g()": ["f() iter@1", "g() statement@2 awaited"],
    "if f(): g()\nelif h(): pass\nelse: i()": ["f() value@0", "g() statement@2", "h() value@1", "i() statement@4"],
    "[f(x) for x in g() if h()]": ["f(x) value@1", "g() iter@0", "h() value@1"],
    "[f() for x in g() if h() for y in i() if j()]": [
        "f() value@2", "g() iter@0", "h() value@1", "i() iter@1", "j() value@2",
    ],
    "lambda a=f(): g()": ["f() value@0", "g() value@1"],
    "@f(1)\ndef g(a=h(), *, b: i() = 0) -> j():\n k()": [
        "f(1) value@0", "h() value@0", "i() value@0", "j() value@0", "k() statement@1",
    ],
    "@f()\nclass A(g(), m=h()):\n i()": ["f() value@0", "g() value@0", "h() value@0", "i() statement@1"],
    "try: f()\nexcept g(): h()\nfinally: i()": [
        "f() statement@2", "g() value@1", "h() statement@3", "i() statement@4",
    ],
    "match f():\n case A(b=1) if g(): h()": ["f() value@0", "g() value@2", "h() statement@2"],
    "raise f() from g()": ["f() value@0", "g() value@0"],
    "(x := f() if a else g())": ["f() value@0", "g() value@0"],
}  # fmt: skip


@pytest.mark.parametrize("source", CALLS)
def test_calls(source: str) -> None:
    assert calls(source) == CALLS[source]


def test_places_of_calls() -> None:
    source = "é = ü.ö(1).b[0]()  # ä\nself . x (a)\nf(a)()\n'ß'.join(b)\n"
    data = source.encode()
    found = [(data[c.start : c.end].decode(), data[c.name_start : c.name_end].decode()) for c in read(source).calls]
    assert found == [
        ("ü.ö(1).b[0]()", "b"),
        ("ü.ö(1)", "ö"),
        ("self . x (a)", "x"),
        ("f(a)()", "f"),
        ("f(a)", "f"),
        ("'ß'.join(b)", "join"),
    ]
    (arg,) = read("f(\n  é = 'ü',\n)").calls[0].args
    assert (arg.name, arg.start, arg.end) == ("é", 5, 14)


BLOCKS = {
    "if a: pass\nelif b: pass\nelse: pass": ["choice<0", "if<1 a", "if<1 b", "else<1"],
    "try: pass\nexcept A as e: pass\nexcept (B, c.D): pass\nexcept: pass\nelse: pass\nfinally: pass": [
        "try<0", "body<1", "except<1 A as e", "except<1 tuple(B, c.D)", "except<1", "else<1", "finally<1",
    ],
    "for a, (b, *c) in d:\n while e: pass\nelse: pass": [
        "for<0 d as tuple(a, tuple(b, *c))", "while<1 e", "else<0",
    ],
    "with a, b as c:\n with (d as e, f): pass": ["with<0 a", "with<1 b as c", "with<2 d as e", "with<3 f"],
    "with (a, b): pass\nwith (a as b): pass\nwith (a, b) as c: pass": [
        "with<0 a", "with<1 b", "with<0 a as b", "with<0 tuple(a, b) as c",
    ],
    "async def f():\n async with a: pass\n async for b in c: pass\n [d async for d in e]": [
        "function<0", "async with<1 a", "async for<1 c as b", "async comprehension<1 e as d",
    ],
    "match a:\n case [b, *c] if d: pass\n case A(x=y) | {'k': z, **w}: pass\n case m.n: pass\n case e as g: pass\n"
    " case _: pass": [
        "choice<0 a", "case<1 d as tuple(b, c)", "case<1 as tuple(y, z, w)", "case<1", "case<1 as tuple(e, g)",
        "case<1",
    ],
    "[a for b in c for d in e]": ["comprehension<0 c as b", "comprehension<1 e as d"],
    "[[a for b in c] for d in e]": ["comprehension<0 e as d", "comprehension<1 c as b"],
    "lambda: [a for b in c]": ["lambda<0", "comprehension<1 c as b"],
}  # fmt: skip


@pytest.mark.parametrize("source", BLOCKS)
def test_blocks(source: str) -> None:
    assert blocks(read(source)) == ["module<-1", *BLOCKS[source]]


def test_scopes() -> None:
    facts = read(
        "class A:\n    x = lambda: 0\n    if x:\n        def m(self):\n            class B:\n                y = 1\n"
        "            def n(): yield\n            return lambda: (yield)\n"
    )
    assert [(b.kind, b.function, b.cls) for b in facts.blocks] == [
        ("module", -1, -1),
        ("class", -1, 0),
        ("lambda", 0, -1),
        ("choice", -1, 0),
        ("if", -1, 0),
        ("function", 1, -1),
        ("class", 1, 1),
        ("function", 2, -1),
        ("lambda", 3, -1),
    ]
    assert [(x.qualname, x.cls, x.block, x.outer, x.is_generator) for x in facts.functions] == [
        ("A.<lambda>", 0, 2, 1, False),
        ("A.m", 0, 5, 4, False),
        ("A.m.n", -1, 7, 5, True),
        ("A.m.<lambda>", -1, 8, 5, True),
    ]
    assert [(x.qualname, x.block, x.outer) for x in facts.classes] == [("A", 1, 0), ("A.m.B", 6, 5)]


def test_parameters() -> None:
    (function,) = read("def f(a, b: int = 1, /, c=2, *args: T, d, e: str = g, **kw): pass").functions
    assert [(p.name, p.kind, show(p.annotation), show(p.default)) for p in function.params] == [
        ("a", "positional-only", "-", "-"),
        ("b", "positional-only", "int", "1"),
        ("c", "normal", "-", "2"),
        ("args", "args", "T", "-"),
        ("d", "keyword-only", "-", "-"),
        ("e", "keyword-only", "str", "g"),
        ("kw", "kwargs", "-", "-"),
    ]
    assert [(p.start, p.end) for p in function.params[:2]] == [(6, 7), (9, 19)]
    (function,) = read("lambda a, *, b=1: 0").functions
    assert [(p.name, p.kind) for p in function.params] == [("a", "normal"), ("b", "keyword-only")]


def test_places_of_definitions() -> None:
    source = (
        "@d\n@e.f\nasync def g(\n    a,\n) -> b:  # c\n    pass\n    # after\n\n"
        "class C(D, *E, metaclass=M, **k): pass  # x\n"
    )
    facts = read(source)
    (function,) = facts.functions
    assert source[function.start : function.head_end] == "async def g(\n    a,\n) -> b:"
    assert source[function.name_start : function.name_end] == "g"
    assert source[: function.end].endswith("pass")
    assert (function.is_async, [show(d) for d in function.decorators]) == (True, ["d", "e.f"])
    (cls,) = facts.classes
    assert source[cls.start : cls.end] == "class C(D, *E, metaclass=M, **k): pass"
    assert source[cls.start : cls.head_end] == "class C(D, *E, metaclass=M, **k):"
    assert [show(b) for b in cls.bases] == ["D", "*E"]
    assert [(k.name, show(k.value)) for k in cls.keywords] == [("metaclass", "M"), ("**", "k")]


ASSIGNS = {
    "a = b = c": ["a = c", "b = c"],
    "a, *b = c": ["tuple(a, *b) = c"],
    "[a, b] = c": ["list(a, b) = c"],
    "a.b: int = 1": ["a.b = 1"],
    "a: int": ["a = -"],
    "a += b": ["a += b"],
    "a >>= yield b": ["a >>= yielded"],
    "a[b] = c": ["a[b] = c"],
    "if (a := b): pass": ["a := b"],
    "(a := b if c else d)": ["a := one(b, d if c)"],
    "(a := (b := c))": ["a := c", "b := c"],
    "type(a).b = c": ["call0.b = c"],
    "type (a)[0] = c": ["call0[0] = c"],
    "type = a": ["type = a"],
    "type A = B | C": ["A type (B | C)"],
    "type A[T: (int, str), *Ts, **P] = dict[T, B]": ["A type dict[T, B]"],
}


@pytest.mark.parametrize("source", ASSIGNS)
def test_assigns(source: str) -> None:
    facts = read(source)
    assert [f"{show(a.target)} {a.op} {show(a.value)}" for a in facts.assigns] == ASSIGNS[source]


EXITS = {
    "return": ["return -"],
    "return a, b": ["return tuple(a, b)"],
    "x = yield y": ["yield y"],
    "yield": ["yield -"],
    "yield from a": ["yield from a"],
    "x = (yield (yield y))": ["yield yielded", "yield y"],
    "raise": ["raise -"],
    "raise A from b": ["raise A from b"],
    "del a, b[0]": ["del a", "del b[0]"],
    "del (a, b)": ["del a", "del b"],
}


TESTS = {
    "assert a, b": ["assert a"],
    "assert (not a)": ["assert (not a)"],
    "x = [a for b in c if d if not e for g in h if i]": ["filter d", "filter (not e)", "filter i"],
    "a == b": ["statement (a == b)"],
    "await a": ["statement await a"],
    "a()\nawait b()\n'text'\nyield c": [],
}


@pytest.mark.parametrize("source", TESTS)
def test_tests(source: str) -> None:
    assert [f"{e.kind} {show(e.value)}" for e in read(source).tests] == TESTS[source]


@pytest.mark.parametrize("source", EXITS)
def test_exits(source: str) -> None:
    facts = read(source)
    shown = [f"{e.kind} {show(e.value)}" + (f" from {show(e.cause)}" if e.cause else "") for e in facts.exits]
    assert shown == EXITS[source]


IMPORTS = {
    "import a.b as c, d.e": [("a.b", "", "c", 0, "a.b as c"), ("d.e", "", "", 0, "d.e")],
    "import a . b": [("a.b", "", "", 0, "a . b")],
    "from . import a as b": [("", "a", "b", 1, "a as b")],
    "from ...m.n import (\n  x as y,  # c\n  z,\n)": [("m.n", "x", "y", 3, "x as y"), ("m.n", "z", "", 3, "z")],
    "from .m import *": [("m", "*", "", 1, "*")],
    "from __future__ import annotations": [("__future__", "annotations", "", 0, "annotations")],
    "lazy import a, b as c": [("a", "", "", 0, "a"), ("b", "", "c", 0, "b as c")],
    "lazy import a; lazy import b": [("a", "", "", 0, "a"), ("b", "", "", 0, "b")],
    "x = 1; lazy from .a import b": [("a", "b", "", 1, "b")],
    "try:\n\tlazy from a import b\nexcept E: pass": [("a", "b", "", 0, "b")],
}


@pytest.mark.parametrize("source", IMPORTS)
def test_imports(source: str) -> None:
    found = [(i.module, i.name, i.alias, i.level, source[i.start : i.end]) for i in read(source).imports]
    assert found == IMPORTS[source]


def test_lazy_is_a_name_elsewhere() -> None:
    facts = read('lazy = lazy(a)\nx = """\nlazy import b\n"""\nlazy.c()\n')
    assert facts.imports == ()
    assert show(facts.assigns[1].value) == repr("\nlazy import b\n")
    assert [show(c.func) for c in facts.calls] == ["lazy", "lazy.c"]


NEWER = {
    "PEP 695": "class A[T: int, *Ts, **P](B[T]): x: T\ndef f[T](a: T) -> T: pass\ntype L[T] = list[T]\nx = g()",
    "PEP 696": "class A[T = int](B): pass\ndef f[T = list[int]](): pass\ntype L[T = int] = list[T]\nx = g()",
    "PEP 701": "f'{a['b']} {f'{f\"{c}\"}'} {\n  d  # comment\n}'\nx = g()",
    "PEP 750": 't\'a{b}\'\nrt"""{c!r:>{d}}"""\nx = g()',
    "PEP 758": "try: pass\nexcept A, B: pass\nexcept* C, d.E: pass\nx = g()",
    "PEP 810": "lazy import a\nlazy from b import c\nx = g()",
    "PEP 634": "match a, b:\n case {'c': [1, *_]} | None: pass\nmatch = case = 1\nx = g()",
    "PEP 654": "try: pass\nexcept* (A, B) as e: pass\nx = g()",
    "PEP 617": "with (\n a as b,\n c(),\n): pass\nx = g()",
    "PEP 646": "def f(*args: *Ts): a[*b]\nx = g()",
    "PEP 614": "@a[0].b or c\ndef f(): pass\nx = g()",
}


@pytest.mark.parametrize("pep", NEWER)
def test_newer_syntax_is_no_error(pep: str) -> None:
    facts = read(NEWER[pep])
    assert (facts.assigns[-1].target, show(facts.calls[-1].func)) == (f.Name("x"), "g")
    assert facts.assigns[-1].block == 0


def test_except_without_parentheses() -> None:
    found = [show(block.test) for block in read(NEWER["PEP 758"]).blocks if block.kind == "except"]
    assert found == ["tuple(A, B)", "tuple(C, d.E)"]


def test_template_string() -> None:
    assert show(read("x = t'a{b}'").assigns[0].value) == "joined('a', b)"


BROKEN = [
    "def f(:\n    pass\n",
    "x = = 1\n",
    "if a\n    b()\n",
    "class A(\n\ndef g():\n    pass\n",
    "foo(1, 2\n",
    "return )\n",
    "$?!\n",
    "    stray = 1\n",
    "if a:\n        b()\n    c()\n",
]


@pytest.mark.parametrize("source", BROKEN)
def test_facts_around_an_error_are_kept(source: str) -> None:
    facts = build(f"import a\nbefore()\n\n\n{source}\n\ndef after():\n    inside()\n".encode())
    assert facts.errors != ()
    assert [i.module for i in facts.imports] == ["a"]
    names = [show(c.func) for c in facts.calls]
    assert names[0] == "before"
    assert "inside" in names
    assert round_trip(facts) == facts


@pytest.mark.parametrize(
    "source",
    [
        "a; b\nc",
        'x = """\n"""; y\nz',
        "if a: b; c\nd",
        "\x0cif a:\n\x0c  b\n  c\n\x0cd",
        "(\n  a)\n# c\nb",
        "if a:\n  b\n # c\n  d",
    ],
)
def test_indentation_that_is_right(source: str) -> None:
    assert read(source).errors == ()


@pytest.mark.parametrize("source", ["print x", "print 'a', f(x)", "exec code in d", "raise A, 'text'"])
def test_python_2_is_an_error(source: str) -> None:
    facts = build(f"a()\n{source}\nb()".encode())
    assert facts.errors == ((4, 4 + len(source)),)
    assert [show(c.func) for c in facts.calls if c.use == "statement"] == ["a", "b"]


def test_newlines_of_every_kind() -> None:
    source = 'import a\n\nx = """b\nc"""\nif x:\n\tf(\n1)\n\x0cdef g(): pass\n'
    expected = read(source)
    assert len(expected.calls) == len(expected.functions) == 1
    assert read(source.replace("\n", "\r")) == expected
    windows = read(source.replace("\n", "\r\n"))
    assert [show(c.func) for c in windows.calls] == ["f"]
    assert windows.assigns[0].value == expected.assigns[0].value
    assert len(windows.statements) == len(expected.statements) == 2


def test_dead_blocks_and_main_guard() -> None:
    facts = read(
        "if TYPE_CHECKING: pass\nelif a: pass\nif typing.TYPE_CHECKING:\n  if b: pass\nelse: pass\n"
        "if not TYPE_CHECKING: pass\nelse: pass\nif TYPE_CHECKING_NOT: pass\n"
    )
    assert [facts.blocks[i].kind + str(i) for i in facts.dead] == ["if2", "if5", "else11"]
    assert not facts.has_main_guard
    assert read("if __name__ == '__main__': pass").has_main_guard
    assert read('if "__main__" == __name__ and a: pass').has_main_guard
    assert not read("def f():\n  if __name__ == '__main__': pass").has_main_guard


EXPORTED = {
    "x = 1": None,
    "__all__ = ['a', 'b']": ("a", "b"),
    "__all__ = ('a',)\n__all__ += ['b']\n__all__.append('c')\n__all__.extend(('d', 'e'))": ("a", "b", "c", "d", "e"),
    "__all__: list[str] = ['a']": ("a",),
    "__all__ = []": (),
    "__all__ = ['a']\n__all__ = ['b']": ("b",),
    "__all__ = ['a']\nprint(__all__)": ("a",),
    "__all__ = ['a'] + b.__all__": None,
    "__all__ = ['a']\n__all__ += b.__all__": None,
    "__all__ = ['a']\n__all__.remove('a')": None,
    "__all__ = ['a']\n__all__[0] = 'b'": None,
    "__all__ = ['a']\ndel __all__": None,
    "from a import __all__\n__all__ += ['b']": None,
    "__all__ = [a]": None,
    "__all__ = ['a']\ndef f():\n global __all__\n __all__ = b": None,
}


@pytest.mark.parametrize("source", EXPORTED)
def test_exported(source: str) -> None:
    assert read(source).exported == EXPORTED[source]


def test_global_names() -> None:
    assert read("def f():\n  global a, b\n  nonlocal c\n").globals == (("a", 1), ("b", 1))


def test_statements_of_several_lines() -> None:
    source = (
        "a = (1,\n 2)\nb = 1\n@c(\n 1)\ndef d(\n e\n): \n  return f(\n  )\nif (g\n): h\nelif i: pass\n"
        "with (a,\n b): pass\nfrom x import (\n y)\nclass D: pass\nassert a, \\\n b\n"
    )
    found = [source[start:end].split("\n")[0] for start, end in read(source).statements]
    assert found == ["a = (1,", "@c(", "def d(", "return f(", "if (g", "with (a,", "from x import (", "assert a, \\"]


DEEP = {
    "parentheses": "(" * 2000 + "f()" + ")" * 2000,
    "lists": "[" * 1000 + "]" * 1000,
    "calls": "f(" * 1000 + ")" * 1000,
    "lambdas": "x = " + "lambda: " * 1000 + "0",
    "lambda defaults": "x = " + "lambda a=" * 400 + "0" + ": 0" * 400,
    "comprehensions": "[x for x in " * 400 + "y" + "]" * 400,
    "conditionals": "x = " + "a if b else " * 3000 + "c",
    "annotations": "x: " + "list[" * 1000 + "int" + "]" * 1000,
    "signs": "x = " + "-" * 3000 + "1",
    "powers": "x = " + "a ** " * 3000 + "b",
    "dicts": "{1: " * 1000 + "2" + "}" * 1000,
    "f-strings": "f'{" * 150 + "a" + "}'" * 150,
    "subscripts": "x = a" + "[0]" * 5000,
    "attributes": "x = a" + ".b" * 5000,
    "call chain": "a" + ".b()" * 5000,
    "sum": "x = a" + " + b" * 5000,
    "disjunction": "x = a" + " or b" * 5000,
    "elif": "if a: pass\n" + "elif b: pass\n" * 3000,
    "ifs": "".join(" " * i + "if a:\n" for i in range(500)) + " " * 500 + "b()",
    "definitions": "".join(" " * i + "def f(a=[[1]]):\n" for i in range(300)) + " " * 300 + "b()",
    "assignments": "a = " * 3000 + "b",
    "awaits": "x = " + "await " * 2000 + "b",
    "not": "x = " + "not " * 3000 + "b",
    "patterns": "match a:\n case " + "[" * 500 + "]" * 500 + ": pass",
}


@pytest.mark.parametrize("shape", DEEP)
def test_deep_nesting_neither_raises_nor_hides_what_follows(shape: str) -> None:
    source = f"before()\n{DEEP[shape]}\nafter()\n"
    limit = sys.getrecursionlimit()

    def used_up(frames: int) -> f.Facts:
        return used_up(frames - 1) if frames else build(source.encode())

    depth, frame = 0, sys._getframe()
    while frame.f_back is not None:
        depth, frame = depth + 1, frame.f_back
    sys.setrecursionlimit(1000)
    try:
        facts = used_up(max(0, 300 - depth))
    finally:
        sys.setrecursionlimit(limit)
    assert round_trip(facts) == facts
    names = [show(c.func) for c in facts.calls if isinstance(c.func, f.Name)]
    assert names[0] == "before"
    assert names[-1] == "after"


def test_five_megabytes() -> None:
    source = "x = [\n" + "    {'key': 'value', 'number': 123},\n" * 140_000 + "]\nf()\n"
    facts = build(source.encode())
    assert len(source) > 5_000_000
    assert [show(c.func) for c in facts.calls] == ["f"]


HEAVY = {
    "continuations": "\\\n" * 200_000,
    "names": "'" + "\\N{" * 100_000 + "'",
    "comments": "if a:\n" + "# it's\n\n" * 200_000 + "    b",
    "comments in a string": 'x = """\n' + "# it's\n" * 1000 + '"""',
}


@pytest.mark.parametrize("shape", HEAVY)
def test_shapes_that_the_scanner_alone_would_take_minutes_for(shape: str) -> None:
    facts = build(f"before()\n{HEAVY[shape]}\nafter()\n".encode())
    assert [show(c.func) for c in facts.calls] == ["before", "after"]
    for entry in facts.assigns:
        assert entry.value == f.Const("\n" + "# it's\n" * 1000)


SOURCES = [path.read_text(encoding="utf-8") for path in sorted(Path(f.__file__).parent.glob("*.py"))] + list(
    NEWER.values()
)


def hold(facts: f.Facts, size: int) -> None:
    """What is true of the facts of any text."""
    assert round_trip(facts) == facts
    tables = [
        [(c.start, c.end) for c in facts.calls],
        [(x.start, x.end) for x in facts.functions],
        [(x.start, x.end) for x in facts.classes],
        [(a.start, a.end) for a in facts.assigns],
        [(e.start, e.end) for e in facts.exits],
        [(i.start, i.end) for i in facts.imports],
    ]
    for places in tables:
        assert all(0 <= start <= end <= size for start, end in places)
        assert facts.errors or all(one[0] <= two[0] for one, two in pairwise(places))
    assert all(-1 <= block.parent < index for index, block in enumerate(facts.blocks))
    assert all(one[1] <= two[0] for one, two in pairwise(facts.statements))


@given(st.text())
def test_any_text(text: str) -> None:
    data = text.encode()
    hold(build(data), len(data))


WORDS = (
    "def class if else : ( ) [ ] { } , . = := -> * ** @ lambda yield await async for in with as try except match case "
    "type lazy import from return f' t' ' \"\"\" \\ # 1 a b print global del not or + | ..."
)
PIECES = st.sampled_from([*WORDS.split(), " ", "\n", "\n    ", "\r", "\t", "\f", "é", "\u2028"])


@given(st.lists(PIECES, max_size=60))
def test_any_tokens(pieces: list[str]) -> None:
    data = " ".join(pieces).encode()
    hold(build(data), len(data))


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(SOURCES), st.data())
def test_any_damage_to_real_code(source: str, data: st.DataObject) -> None:
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(source)))
        end = min(len(source), start + data.draw(st.integers(0, 30)))
        source = source[:start] + data.draw(PIECES | st.just("")) + source[end:]
    damaged = source.encode()
    hold(build(damaged), len(damaged))


def test_same_facts_twice() -> None:
    for source in SOURCES:
        assert build(source.encode()) == build(source.encode())


@given(st.text(alphabet="l \"'\n=:(){}\\fbr", max_size=12))
def test_broken_code_leaves_nothing_behind(text: str) -> None:
    # In broken code anything may be a string; remembered as unknown, `l` would be lost in every later file.
    build(text.encode())
    assert build(b"l: l = l").assigns[0].target == f.Name("l")


@pytest.mark.parametrize("comment", ["# left", "  # less\n# and {less}", "    # as far", "# one\n\n        # more"])
def test_comments_between_a_decorator_and_its_function_end_no_block(comment: str) -> None:
    text = f"def outer():\n    @app.get('/x')\n{comment}\n    def inner():\n        pass\n    return inner\n"
    facts = build(text.encode())
    assert facts.errors == ()
    assert [(each.name, len(each.decorators)) for each in facts.functions] == [("outer", 0), ("inner", 1)]
    assert [each.kind for each in facts.exits] == ["return"]


def test_a_broken_comparison_has_a_value_on_both_sides_of_every_operator_or_is_unknown() -> None:
    for text in ('if a ==)" ":\n    b\n', "if a == ) b c:\n    d\n", "x = a < b ==\n", "x = (a == b c d)\n"):
        for test in build(text.encode()).tests:
            if isinstance(test.value, f.Compare):
                assert len(test.value.operands) == len(test.value.operators) + 1
