"""What a function evaluates, expression by expression, as far as facts keep it. Resolves nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Function, Module

_DEEPEST = 4
"""Calls within calls that are looked into for what is given to them."""

Evaluated = tuple[f.Expr, int, int]
"""An expression, the block in which it is evaluated, and where its call or statement starts."""


def walk(expr: f.Expr | None) -> Iterator[f.Expr]:
    """An expression and all in it; calls answer for their own callee and arguments."""
    pending = [expr]
    while pending:
        part = pending.pop()
        if part is None:
            continue
        yield part
        if (inside := _PARTS.get(type(part))) is not None:
            pending.extend(reversed(inside(part)))


def walk_with_blocks(expr: f.Expr | None, block: int) -> Iterator[tuple[f.Expr, int]]:
    """As `walk`, each part with the block in which it is evaluated: what is in a comprehension sees its variables."""
    pending = [(expr, block)]
    while pending:
        part, at = pending.pop()
        if part is None:
            continue
        yield part, at
        if (inside := _PARTS.get(type(part))) is not None:
            inner = part.block if type(part) is f.Each else at
            for each in reversed(inside(part)):
                pending.append((each, inner))


def called(module: Module, call: f.Call) -> str:
    """The last identifier of what is called, by the name that it has at home: import aliases are looked through."""
    func = call.func
    if type(func) is not f.Name:
        return f.last_name(func)
    return module.imported_names.get(func.id, func.id)


def decorated_by(module: Module, decorator: f.Expr) -> f.Expr:
    """What a decorator names: `cached` of `@cached` and of `@cached(60)`."""
    return module.facts.calls[decorator.index].func if isinstance(decorator, f.CallRef) else decorator


def parts(expr: f.Expr) -> tuple[f.Expr | None, ...]:
    """The expressions that one is made of; none for a call, whose callee and arguments stand with it."""
    inside = _PARTS.get(type(expr))
    return inside(expr) if inside is not None else ()


# A table: to ask one kind after the other takes longer than all else that is done with an expression.
_PARTS: Final[Mapping[type, Callable[..., tuple[f.Expr | None, ...]]]] = {
    f.Attr: lambda expr: (expr.value,),
    f.Await: lambda expr: (expr.value,),
    f.Star: lambda expr: (expr.value,),
    f.Unary: lambda expr: (expr.value,),
    f.Display: lambda expr: expr.items,
    f.Joined: lambda expr: expr.parts,
    f.Compare: lambda expr: expr.operands,
    f.Choice: lambda expr: (*expr.options, expr.test),
    f.Sub: lambda expr: (expr.value, *expr.items),
    f.Mapping: lambda expr: tuple(each for pair in expr.items for each in pair),
    f.Binary: lambda expr: (expr.left, expr.right),
    f.Each: lambda expr: (expr.element,),
}


def stands_in(wanted: Collection[f.Expr], expr: f.Expr | None, module: Module, depth: int = _DEEPEST) -> bool:
    """Whether one of some expressions stands in an expression, or in what a call in it is given."""
    for part in walk(expr):
        if part in wanted:
            return True
        if isinstance(part, f.CallRef) and depth > 0:
            call = module.facts.calls[part.index]
            given = (call.func, *(arg.value for arg in call.args))
            if any(stands_in(wanted, each, module, depth - 1) for each in given):
                return True
    return False


def with_copies(wanted: Collection[f.Expr], function: Function, rounds: int) -> set[f.Expr]:
    """Some expressions, and what a function assigns a value to in which one of them stands, so many times in a row."""
    found, assigns = set(wanted), function.module.assigns_in.get(function.index, ())
    for _ in range(rounds if found else 0):
        holding = [entry for entry in assigns if stands_in(found, entry.value, function.module)]
        found |= {target for entry in holding for target in targets(entry.target)}
    return found


def asked_about(test: f.Expr | None, *, is_there: bool) -> str | None:
    """The name of what a condition says to be there (`is_there`), or to be missing: `not name`, `name is None`."""
    match test:
        case f.Name(id=name):
            return name if is_there else None
        case f.Unary(op="not", value=f.Name(id=name)):
            return None if is_there else name
        case f.Compare(operators=("is" | "is not" as operator,), operands=(f.Name(id=name), f.Const(value=None))):
            return name if (operator == "is not") is is_there else None
    return None


def is_super(module: Module, expr: f.Expr) -> bool:
    """Whether an expression is `super()`: the object itself, as the classes above see it."""
    return isinstance(expr, f.CallRef) and module.facts.calls[expr.index].func == f.Name("super")


def chained(module: Module, call: f.Call) -> Iterator[f.Call]:
    """A call, and those before it on whose results each is called: `limit`, `where`, `select` of
    `select(x).where(y).limit(1)`."""
    yield call
    while isinstance(call.func, f.Attr) and isinstance(call.func.value, f.CallRef):
        call = module.facts.calls[call.func.value.index]
        yield call


def dotted(expr: f.Expr | None) -> str:
    """A name with its attributes as the code writes them ("session", "self.session"); "" for anything else."""
    match expr:
        case f.Name(id=name):
            return name
        case f.Attr(value=value, attr=attr):
            owner = dotted(value)
            return f"{owner}.{attr}" if owner else ""
    return ""


def targets(target: f.Expr) -> Iterator[f.Expr]:
    """What an assignment target binds or changes, one by one: names, attributes, subscripts."""
    if isinstance(target, f.Display):
        for item in target.items:
            yield from targets(item)
    elif isinstance(target, f.Star):
        yield from targets(target.value)
    else:
        yield target


def with_values(target: f.Expr, value: f.Expr | None) -> Iterator[tuple[f.Expr, f.Expr | None]]:
    """The targets of an assignment with their values, item by item where both are written out (`a, b = f(), g()`)."""
    match target, value:
        case f.Display(items=those), f.Display(items=values) if len(those) == len(values):
            yield from zip(those, values, strict=True)
        case _:
            yield target, value


def evaluated(function: Function, *, nested: bool = False) -> Iterator[Evaluated]:
    """The expressions of a body as statements and calls have them; with those of functions inside it if `nested`."""
    module = function.module
    for call in function.calls:
        yield call.func, call.block, call.start
        for arg in call.args:
            yield arg.value, call.block, call.start
    for leaving in function.exits:
        for value in (leaving.value, leaving.cause):
            if value is not None:
                yield value, leaving.block, leaving.start
    for entry in module.assigns_in.get(function.index, ()):
        if entry.value is not None:
            yield entry.value, entry.block, entry.start
        if not isinstance(entry.target, f.Name):
            yield entry.target, entry.block, entry.start
    for block in module.blocks_in.get(function.index, ()):
        if block.test is not None and block.kind != "except":
            yield block.test, max(block.parent, 0), block.start
    if nested:
        for inner in module.functions:
            if inner.facts.start > function.facts.start and inner.parent is function:
                yield from evaluated(inner, nested=True)


class _Looked(NamedTuple):
    """What several rules look for in every function of a module, one after the other; each with its block and place."""

    attributes: list[tuple[f.Attr, int, int]]
    comparisons: list[tuple[f.Compare, int, int]]
    operations: list[tuple[f.Expr, str, int, int]]


def attributes_of(function: Function) -> Sequence[tuple[f.Attr, int, int]]:
    """The attributes in what a body evaluates, each with the block and the place of its expression."""
    return _looked_through(function).attributes


def comparisons_of(function: Function) -> Sequence[tuple[f.Compare, int, int]]:
    """The comparisons in what a body evaluates, as `attributes_of`."""
    return _looked_through(function).comparisons


def operated(function: Function) -> Iterator[tuple[f.Expr, str, int, int]]:
    """The objects that a body asks something without calling their method, and the method that answers: `a[b]`,
    `b in a`, `len(a)`, `a[b] = c`; with the block and the place of the statement or call."""
    yield from _looked_through(function).operations
    for call in function.calls:
        if type(call.func) is f.Name and call.func.id in _ASKING and len(call.args) == 1:
            yield call.args[0].value, _ASKING[call.func.id], call.block, call.start


_ASKING = {"len": "__len__", "str": "__str__"}


@lru_cache(maxsize=8192)
def _looked_through(function: Function) -> _Looked:
    """One walk for all of them: it is as long as all that a rule does with what it finds."""
    looked = _Looked([], [], [])
    attributes, comparisons, operations = looked
    kept: dict[int, list[tuple[f.Expr | None, str]]] = {}
    for entry in function.module.assigns_in.get(function.index, ()):
        kept.setdefault(entry.start, []).append((entry.target, "__setitem__"))
    for leaving in function.exits:
        if leaving.kind == "del":
            kept.setdefault(leaving.start, []).append((leaving.value, "__delitem__"))
    for expr, block, at in evaluated(function):
        if type(expr) not in _PARTS:
            continue
        if isinstance(expr, f.Attr) and type(expr.value) not in _PARTS:  # as most: `a.b`
            attributes.append((expr, block, at))
            continue
        method = next((name for target, name in kept.get(at, ()) if target is expr), None)
        if method is not None and type(expr) is f.Sub:
            operations.append((expr.value, method, block, at))
        for part, inside in walk_with_blocks(expr, block):
            kind = type(part)
            if kind is f.Attr:
                attributes.append((part, inside, at))  # type: ignore[arg-type]
            elif kind is f.Compare:
                comparisons.append((part, inside, at))  # type: ignore[arg-type]
            if method is None and (asked := _OPERATIONS.get(kind)) is not None:
                operations += [(owner, name, inside, at) for owner, name in asked(part)]
    return looked


def _contained(compare: f.Compare) -> Iterator[tuple[f.Expr, str]]:
    for index, operator in enumerate(compare.operators):
        if operator in ("in", "not in"):
            yield compare.operands[index + 1], "__contains__"


_OPERATIONS: Final[Mapping[type, Callable[..., Iterable[tuple[f.Expr, str]]]]] = {
    f.Sub: lambda expr: ((expr.value, "__getitem__"),),
    f.Compare: _contained,
    f.Joined: lambda expr: [(each, "__str__") for each in expr.parts if isinstance(each, (f.Name, f.Attr, f.CallRef))],
}


def written(module: Module) -> Iterator[Evaluated]:
    """The expressions of a whole module: of calls, assignments with their targets, exits, heads of blocks, definitions.

    Evidence that is looked for here stands in code; a comment or a text that holds the same word is none.
    """
    facts = module.facts
    for call in facts.calls:
        yield call.func, call.block, call.start
        for arg in call.args:
            yield arg.value, call.block, call.start
    for entry in facts.assigns:
        yield entry.target, entry.block, entry.start
        if entry.value is not None:
            yield entry.value, entry.block, entry.start
    for leaving in facts.exits:
        for value in (leaving.value, leaving.cause):
            if value is not None:
                yield value, leaving.block, leaving.start
    for block in facts.blocks:
        if block.test is not None:
            yield block.test, max(block.parent, 0), block.start
    for function in facts.functions:
        for decorator in function.decorators:
            yield decorator, function.outer, function.first
        for param in function.params:
            if param.default is not None:
                yield param.default, function.outer, param.start


def attributes(module: Module, *names: str) -> Iterator[tuple[f.Attr, int, int]]:
    """Every `value.name` in the code of a module for one of the names, with block and place."""
    for expr, block, at in written(module) if module.mentions(*names) else ():
        for part in walk(expr):
            if isinstance(part, f.Attr) and part.attr in names:
                yield part, block, at


def attributes_in(expr: f.Expr | None, names: frozenset[str]) -> Iterator[f.Attr]:
    """The attributes with one of the names that an expression reads; calls inside it answer for themselves."""
    match expr:
        case f.Attr(value=value, attr=attr):
            if attr in names:
                yield expr
            yield from attributes_in(value, names)
        case f.Display(items=items) | f.Choice(options=items) | f.Joined(parts=items):
            for item in items:
                yield from attributes_in(item, names)
        case f.Sub(value=value, items=items):
            yield from attributes_in(value, names)
            for item in items:
                yield from attributes_in(item, names)
        case f.Binary(left=left, right=right):
            yield from attributes_in(left, names)
            yield from attributes_in(right, names)
        case f.Mapping(items=pairs):
            for key, value in pairs:
                yield from attributes_in(key, names)
                yield from attributes_in(value, names)
        case f.Star(value=value) | f.Await(value=value):
            yield from attributes_in(value, names)
