"""The facts of one file: what the index hands to the model, and what the cache keeps. Data only.

Everything is a flat table in source order; entries refer to each other by index. A place is a pair of byte offsets
into the UTF-8 text of the file (BOM removed); `Source` turns it into lines and columns when a finding needs it.
Expressions keep what resolution needs (names, attributes, calls, constants, displays) and nothing else: whatever is
left out is `Unknown`, and unknown silences.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, Union

import msgspec

FORMAT = 4
"""Version of this data format; raise it whenever a struct changes, so that cached facts are made again."""


class _Expression(msgspec.Struct, frozen=True, array_like=True, gc=False):
    pass


class Name(_Expression, frozen=True, tag="n"):
    """A bare name."""

    id: str


class Attr(_Expression, frozen=True, tag="a"):
    """`value.attr`."""

    value: Expr
    attr: str


class CallRef(_Expression, frozen=True, tag="c"):
    """A call, by its index in `Facts.calls`."""

    index: int


class Const(_Expression, frozen=True, tag="k"):
    """A literal: text (implicitly joined pieces are one), number, bool or None. Bytes are `Raw`."""

    value: str | int | float | bool | None


class Raw(_Expression, frozen=True, tag="r"):
    """Another literal whose value does not matter: `kind` is "bytes" or "ellipsis"."""

    kind: Literal["bytes", "ellipsis"]


class Display(_Expression, frozen=True, tag="d"):
    """A list, tuple or set display."""

    kind: Literal["list", "tuple", "set"]
    items: tuple[Expr, ...]


class Mapping(_Expression, frozen=True, tag="m"):
    """A dict display; the key of a `**` entry is None."""

    items: tuple[tuple[Expr | None, Expr], ...]


class Sub(_Expression, frozen=True, tag="s"):
    """`value[items]`; slices are `Unknown`."""

    value: Expr
    items: tuple[Expr, ...]


class Await(_Expression, frozen=True, tag="w"):
    """`await value`."""

    value: Expr


class Joined(_Expression, frozen=True, tag="f"):
    """An f-string (or t-string): literal pieces as `Const`, interpolations as expressions.

    `formats` says how those are written that do not stand alone: the number of the part, and `!r:>10` as in the source.
    """

    parts: tuple[Expr, ...]
    formats: tuple[tuple[int, str], ...] = ()


class Binary(_Expression, frozen=True, tag="b"):
    """`left op right` for arithmetic and bit operators (`|` of annotations, `+` and `%` of strings)."""

    op: str
    left: Expr
    right: Expr


class Unary(_Expression, frozen=True, tag="!"):
    """`op value`: "not", "-", "+" or "~". (A number with its sign is a `Const`.)"""

    op: str
    value: Expr


class Compare(_Expression, frozen=True, tag="="):
    """`a < b`, `a is not b`, `a in b`, or several in a row: `operators` stand between the `operands`."""

    operators: tuple[str, ...]
    operands: tuple[Expr, ...]


class Star(_Expression, frozen=True, tag="*"):
    """`*value` inside a display, target, subscript or the bases of a class. (Arguments say it in `Arg.name`.)"""

    value: Expr


class Lambda(_Expression, frozen=True, tag="l"):
    """A lambda, by its index in `Facts.functions`."""

    index: int


class Choice(_Expression, frozen=True, tag="o"):
    """One of several values: `a if c else b` (`test` is `c`), or `a or b`, `a and b`: then `test` is None, and all
    options but the last are asked for their truth. Where `or` and `and` alternate, choices nest."""

    options: tuple[Expr, ...]
    test: Expr | None = None
    op: Literal["if", "or", "and"] = "if"


class Each(_Expression, frozen=True, tag="e"):
    """A comprehension or generator expression: `element` for every item. `kind` as written.

    The element of a dict comprehension is a `Mapping` with one entry. `block` is the one in which it is evaluated, that
    of the innermost `for`.
    """

    kind: Literal["list", "set", "dict", "generator"]
    element: Expr
    block: int = 0


class Yielded(_Expression, frozen=True, tag="y"):
    """The value of a `yield` expression (what is sent in), not what it yields."""


class Unknown(_Expression, frozen=True, tag="u"):
    """Anything else."""


Expr = Union[
    Name, Attr, CallRef, Const, Raw, Display, Mapping, Sub, Await, Joined, Binary, Unary, Compare, Star, Lambda, Choice,
    Each, Yielded, Unknown,
]  # fmt: skip


class Arg(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An argument; the place is all of it, with name or stars.

    `name` is "" for a positional one, "*" or "**" for an unpacked one (`value` is then what is unpacked, not a `Star`).
    """

    name: str
    value: Expr
    start: int
    end: int


class Call(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A call. `use` is what happens to the value at once.

    statement: an expression statement of its own (also `await f()` as a statement: then `awaited` is true as well);
    with: the context of a with item (whether that is async, its block says); iter: what a for loop or comprehension
    runs over; value: anything else. `awaited` is true for `await f()`, in parentheses or not, for both calls of
    `await (f() if c else g())`, and for `x = f()` where the same block awaits `x` further down, and nothing else is
    given that name in between: then `later` is true as well.
    `block` is where the call is evaluated: arguments of a decorator, default or annotation in the block around the
    definition. Calls stand in order of their start, an outer one before those inside it.
    `start`/`end` is the whole call, `name_start`/`name_end` the last identifier of the callee (`b` of `a.b()`, `a` of
    `a[0]()` and `a()()`; the whole callee when there is none).
    """

    func: Expr
    args: tuple[Arg, ...]
    block: int
    awaited: bool
    use: Literal["statement", "with", "iter", "value"]
    start: int
    end: int
    name_start: int
    name_end: int
    later: bool = False


class Param(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A parameter; the place is the whole parameter with annotation and default."""

    name: str
    kind: Literal["positional-only", "normal", "keyword-only", "args", "kwargs"]
    annotation: Expr | None
    default: Expr | None
    start: int
    end: int


class Function(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A function, method or lambda (`name` is then "<lambda>").

    `block` is the block of its body, `outer` the block in which the definition stands; parameters' defaults, decorators
    and annotations are evaluated in `outer`. `cls` is the index of the class whose body directly holds it, or -1.
    `start` is that of `def` or `async` (decorators excluded), `first` that of the first decorator (else as `start`),
    `head_end` the end of the colon, `end` that of the body (comments after it excluded). `qualname` is the dotted path
    of the definitions around it and its own name, without Python's `<locals>`. `is_generator`: its own body yields.
    `variables` are the type parameters (`def f[T: Store]`), each with its bound, if it has one.
    """

    name: str
    qualname: str
    is_async: bool
    is_generator: bool
    params: tuple[Param, ...]
    returns: Expr | None
    decorators: tuple[Expr, ...]
    cls: int
    block: int
    outer: int
    first: int
    start: int
    head_end: int
    end: int
    name_start: int
    name_end: int
    variables: tuple[tuple[str, Expr | None], ...] = ()


class Class(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A class. `keywords` are those of its head (`table=True`, `metaclass=...`). The rest is as in `Function`."""

    name: str
    qualname: str
    bases: tuple[Expr, ...]
    keywords: tuple[Arg, ...]
    decorators: tuple[Expr, ...]
    block: int
    outer: int
    first: int
    start: int
    head_end: int
    end: int
    name_start: int
    name_end: int
    variables: tuple[tuple[str, Expr | None], ...] = ()


class Assign(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A binding by `=`, `:=`, an augmented operator, a bare annotation (`value` is None) or `type X = ...`.

    `a = b = value` is two entries, each with the place of the whole statement. `op` is "=", ":=", "type"
    or the augmented operator ("+=").
    """

    target: Expr
    value: Expr | None
    annotation: Expr | None
    op: str
    block: int
    start: int
    end: int


class Exit(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A return, yield, yield from, raise or del; `cause` is the `from` part of a raise. `value` is None for a bare one.

    The body of a lambda is its return. `del a, b` is two entries whose values are the targets, each with the place of
    the statement.
    """

    kind: Literal["return", "yield", "yield from", "raise", "del"]
    value: Expr | None
    cause: Expr | None
    block: int
    start: int
    end: int


class Test(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An expression that is only asked for its truth or evaluated for nothing, besides the tests of `Block`.

    assert; filter: an `if` of a comprehension; statement: one of its own that is no call, awaited or not (`a == b`).
    """

    kind: Literal["assert", "filter", "statement"]
    value: Expr
    block: int
    start: int
    end: int


class Import(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One imported name. `import a.b as c`: module "a.b", name "", alias "c"; `import a.b`: alias "".

    `from ..m import x as y`: level 2, module "m", name "x", alias "y"; a star import has name "*". The place is the
    one name with its alias, not the statement. Lazy imports (PEP 810) are imports like others.
    """

    module: str
    name: str
    alias: str
    level: int
    block: int
    start: int
    end: int


class Block(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A piece of control structure; block 0 is the module. `parent` is the enclosing block (-1 for the module).

    `function` is the index of the innermost function or lambda around that place (its own for a body), -1 if there is
    none; a class body inside a function keeps that function. `cls` is the index of the class when the innermost scope
    (module, function, lambda or class) of that place is a class body, else -1: -1 in the body of a method.

    module, function, class, lambda: bodies.
    choice: a whole if or match statement (`test` is what a match looks at); its children are `if` (also elif; `test`),
        `else`, `case` (`target` the names that the pattern binds, `test` the guard). The first test is evaluated in the
        parent, those of elif in the choice, a guard in the case.
    try: a whole try statement; its children are `body`, `except` (`test` the types, `target` the name), `else`,
        `finally`. Types are evaluated in the `try`; several without parentheses are a tuple; `test` is None for a bare
        except.
    for (`test` the iterable, evaluated in the parent; `target`), while (`test`, evaluated in the block, as it is every
        time). The `else` of a loop is a block beside it, not inside.
    with (`test` the context, evaluated in the parent; `target`); several items nest, the first outermost.
    comprehension (`test` the iterable, evaluated in the parent; `target`); several `for` nest, the first outermost, and
        element and conditions lie in the innermost that holds them. The place is always the whole comprehension.
    A place is the whole statement or clause from its first keyword on, for bodies the statements in it.
    """

    kind: Literal[
        "module", "function", "class", "lambda", "choice", "if", "else", "case", "try", "body", "except", "finally",
        "for", "while", "with", "comprehension",
    ]  # fmt: skip
    parent: int
    function: int
    cls: int
    is_async: bool
    test: Expr | None
    target: Expr | None
    start: int
    end: int


class Facts(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Everything the model may know about a file.

    `exported` is the content of `__all__` when it is built at module level from plain displays only (also by `+=`,
    `append` and `extend`), else None. `dead` are the blocks that only type checkers run (the `if TYPE_CHECKING:`
    itself, not those inside it). `has_main_guard`: there is an `if __name__ == "__main__"` at module level. `globals`
    are names declared `global`, each with its block.
    `statements` are the ranges of simple statements, decorators and heads of compound statements that stand on more
    than one line, by start: a suppression comment on any of these lines counts. `errors` are the places that the
    parser could not read, candidates for a syntax error (Python 2 print and exec statements included).
    """

    blocks: tuple[Block, ...]
    imports: tuple[Import, ...]
    functions: tuple[Function, ...]
    classes: tuple[Class, ...]
    calls: tuple[Call, ...]
    assigns: tuple[Assign, ...]
    exits: tuple[Exit, ...]
    tests: tuple[Test, ...]
    exported: tuple[str, ...] | None
    dead: tuple[int, ...]
    globals: tuple[tuple[str, int], ...]
    statements: tuple[tuple[int, int], ...]
    errors: tuple[tuple[int, int], ...]
    has_main_guard: bool


def target_names(target: Expr | None) -> Iterator[str]:
    """The names bound by an assignment target, nested tuples included."""
    if isinstance(target, Name):
        yield target.id
    elif isinstance(target, Display):
        for item in target.items:
            yield from target_names(item)
    elif isinstance(target, Star):
        yield from target_names(target.value)


def last_name(func: Expr) -> str:
    """The last identifier of a name or attribute, else "": a cheap look at a callee before it is resolved."""
    if type(func) is Attr:  # asked millions of times in a run: a match statement takes three times as long
        return func.attr
    return func.id if type(func) is Name else ""


def keyword(call: Call, name: str) -> Arg | None:
    """The keyword argument of a call with this name, or None."""
    for arg in call.args:  # asked very often: no generator
        if arg.name == name:
            return arg
    return None
