"""Whether what a call gives outlives the function: kept in an attribute, a global, a container, or behind a cache.

Reads the facts of one function at a time. Judges nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.expressions import asked_about, targets, walk
from fastapi_lint.model.names.symbols import Function

_STORES = frozenset({"setdefault", "set", "put", "setattr", "append", "add", "extend", "insert", "update"})
_DEEPEST = 6


def is_kept(function: Function, call: f.Call) -> bool:
    """Whether the value of a call stays after the function, itself or as a part of what was made of it.

    An `__init__` keeps it only in an object, which lives as long as that does.
    """
    module = function.module
    declared = _globals(function)
    if function.name in ("__init__", "__post_init__"):
        return bool(declared)
    assigns = module.assigns_in.get(function.index, ())
    names: set[str] = set()
    for entry in assigns:
        if entry.value is not None and entry.start <= call.start and call.end <= entry.end:
            for part in targets(entry.target):
                if not isinstance(part, f.Name) or part.id in declared:
                    return True
                names.add(part.id)
    for block in module.blocks_in.get(function.index, ()):
        if block.kind == "with" and block.test == f.CallRef(module.call_numbers[call.start, call.end]):
            return False  # closed at its end
    for _ in range(_DEEPEST if names else 0):
        known = len(names)
        for entry in assigns:
            if entry.start > call.start and _holds(function, entry.value, names):
                for part in targets(entry.target):
                    if not isinstance(part, f.Name) or part.id in declared:
                        return True
                    names.add(part.id)
        if len(names) == known:
            break
    return any(
        other.start > call.start
        and f.last_name(other.func) in _STORES
        and not _is_local(function, other.func)
        and any(_holds(function, arg.value, names) for arg in other.args)
        for other in (function.calls if names else ())
    )


def hands_back(function: Function, call: f.Call) -> bool:
    """Whether whoever calls a function gets what one of its calls gives, or an object that holds it."""
    if function.name in ("__init__", "__post_init__", "__new__"):
        return True
    module = function.module
    itself = f.CallRef(module.call_numbers[call.start, call.end])
    names = {
        part.id
        for entry in module.assigns_in.get(function.index, ())
        if itself in walk(entry.value)
        for part in targets(entry.target)
        if isinstance(part, f.Name)
    }
    names |= {
        block.target.id
        for block in module.blocks_in.get(function.index, ())
        if block.kind == "with" and block.test == itself and isinstance(block.target, f.Name)
    }
    return any(
        itself in walk(leave.value) or _holds(function, leave.value, names)
        for leave in function.exits
        if leave.kind in ("return", "yield")
    )


def is_on_miss(function: Function, call: f.Call) -> bool:
    """Whether a call only runs when something that outlives the function is not there yet, and it is filled behind it,
    or in the same block.

    `if key in CACHE: return CACHE[key]`, ..., `CACHE[key] = ...`; `if self.keys is None: ...; self.keys = ...`.
    """
    module = function.module
    filled = {
        part.value if isinstance(part, f.Sub) else part
        for entry in module.assigns_in.get(function.index, ())
        if entry.end > call.start or entry.block == call.block
        for part in targets(entry.target)
        if isinstance(part, (f.Attr, f.Sub)) or (isinstance(part, f.Name) and part.id in _globals(function))
    }
    filled |= {
        other.func.value
        for other in function.calls
        if (other.start > call.start or call.end <= other.end)
        and isinstance(other.func, f.Attr)
        and other.func.attr in ("setdefault", "set")
    }
    filled |= {part for other in function.calls if call.end <= other.end for part in _set_by(function, other)}
    kept = [each for each in filled if not _is_local(function, each)]
    if not kept:
        return False
    around = {id_ for id_, _ in _chain(function, call.block)}
    for _, block in _chain(function, call.block):
        if block.kind == "if" and _mentions(function, block.test, kept):
            return True
    blocks = module.facts.blocks
    return any(
        leave.kind == "return"
        and leave.start < call.start
        and leave.block not in around
        and (_mentions(function, leave.value, kept) or _mentions(function, blocks[leave.block].test, kept))
        for leave in function.exits
    )


def _set_by(function: Function, call: f.Call) -> Iterator[f.Expr]:
    """The attributes of the object that a method sets which is called on it: `self._keep(client)`."""
    cls = function.cls
    if cls is None or not function.params or not isinstance(call.func, f.Attr):
        return
    own = f.Name(function.params[0].name)
    method = cls.methods.get(call.func.attr) if call.func.value == own else None
    if method is None or method is function or not method.params:
        return
    for entry in method.module.assigns_in.get(method.index, ()):
        for part in targets(entry.target):
            if isinstance(part, f.Attr) and part.value == f.Name(method.params[0].name):
                yield f.Attr(own, part.attr)


def for_want_of(function: Function, call: f.Call) -> str | None:
    """The parameter for want of which a call is made: `session = session or Session()`, `if session is None: ...`."""
    module = function.module
    index = module.call_numbers[call.start, call.end]
    names = {param.name for param in function.params}
    for entry in module.assigns_in.get(function.index, ()):
        match entry.value:
            case f.Choice(options=options, test=test) if f.CallRef(index) in options:
                asked = {part.id for each in (test, *options) for part in walk(each) if isinstance(part, f.Name)}
                return next(iter(sorted(asked & names)), None)
            case f.CallRef(index=made) if (
                made == index and isinstance(entry.target, f.Name) and entry.target.id in names
            ):
                return entry.target.id
    for leave in function.exits:
        match leave.value:
            case f.Choice(options=(f.Name(id=name), *rest)) if f.CallRef(index) in rest and name in names:
                return name
    for block in module.block_chain(call.block):
        if block.kind == "if" and block.function == function.index:
            if (missing := asked_about(block.test, is_there=False)) in names:
                return missing
    return None


def _globals(function: Function) -> set[str]:
    facts = function.module.facts
    return {name for name, block in facts.globals if facts.blocks[block].function == function.index}


def _holds(function: Function, expr: f.Expr | None, names: set[str]) -> bool:
    """Whether an expression is one of some variables, holds one, or is made of one by a call."""
    for part in walk(expr):
        if isinstance(part, f.Name) and part.id in names:
            return not isinstance(expr, f.Attr)
        if isinstance(part, f.CallRef):
            made = function.module.facts.calls[part.index]
            if any(isinstance(arg.value, f.Name) and arg.value.id in names for arg in made.args):
                return True
    return False


def _is_local(function: Function, expr: f.Expr) -> bool:
    """Whether an expression begins with a variable of the function itself, other than what it is given."""
    root = expr
    while isinstance(root, (f.Attr, f.Sub)):
        root = root.value
    if not isinstance(root, f.Name):
        return True
    return function.rebinds(root.id) and root.id not in _globals(function)


def _mentions(function: Function, expr: f.Expr | None, kept: list[f.Expr]) -> bool:
    """Whether an expression asks for one of some things, or for a variable that was looked up there."""
    if _looks_up(function, expr, kept):
        return True
    names = [part for part in walk(expr) if isinstance(part, f.Name)]
    return any(
        entry.target in names and entry.value != expr and _looks_up(function, entry.value, kept)
        for entry in function.module.assigns_in.get(function.index, ())
    )


def _looks_up(function: Function, expr: f.Expr | None, kept: list[f.Expr]) -> bool:
    for part in walk(expr):
        if part in kept:
            return True
        if isinstance(part, f.CallRef):
            func = function.module.facts.calls[part.index].func
            if isinstance(func, f.Attr) and func.value in kept:
                return True
    return False


def _chain(function: Function, block: int) -> Iterator[tuple[int, f.Block]]:
    """The blocks around a place inside of a function, innermost first, each with its index."""
    blocks = function.module.facts.blocks
    while block >= 0 and blocks[block].kind not in ("function", "lambda", "class", "module"):
        yield block, blocks[block]
        block = blocks[block].parent
    if block >= 0:
        yield block, blocks[block]
