"""Collections that outlive their functions: attributes of objects, variables of modules, and what changes them.

A collection inside of another one (`rooms[name]`) is known by the outer one and its depth. Judges nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.modules import Binding
from fastapi_lint.model.names.symbols import Class, ClassObject, Function, Instance, Module, ModuleObject
from fastapi_lint.model.types.inference.inference import Inference, Where

_ADDING = frozenset({"append", "add", "insert", "appendleft", "setdefault", "update", "extend"})
_TAKING = frozenset({"remove", "discard", "pop", "popitem", "popleft", "clear", "difference_update"})
_LOOKING_UP = frozenset({"get", "setdefault"})
_VIEWS = frozenset({"values", "items", "keys"})
_COPYING = frozenset({"list", "tuple", "set", "sorted", "frozenset", "copy", "deepcopy", "reversed", "enumerate"})
_LIVE = frozenset({"reversed", "enumerate"})
"""Built-ins that go over what they are given, without a copy of it."""
_DEEPEST = 6


@dataclass(frozen=True)
class Holder:
    """A collection: `name` in the objects of a class, or in a module; `depth` is how far inside of it."""

    owner: Class | Module
    name: str
    depth: int = 0


@dataclass(frozen=True)
class Source:
    """What a loop goes over: the collection, whether that is a copy, and which view of it (`items`)."""

    holder: Holder
    is_copy: bool
    view: str = ""


@dataclass(frozen=True)
class Change:
    """One place that changes a collection; `value` is what is added to it, None where something is taken away."""

    module: Module = field(repr=False)
    function: Function | None
    start: int
    block: int
    value: f.Expr | None


def source_of(types: Inference, expr: f.Expr | None, where: Where, depth: int = 0) -> Source | None:
    """The collection that a loop goes over, through views, copies and variables; None when it is not known."""
    if depth > _DEEPEST or expr is None:
        return None
    module = where[0]
    match expr:
        case f.CallRef(index=index):
            call = module.facts.calls[index]
            last = f.last_name(call.func)
            if isinstance(call.func, f.Attr) and not (last in _COPYING and call.args):
                inner = source_of(types, call.func.value, where, depth + 1)
                if inner is None:
                    return None
                if last in _VIEWS:
                    return Source(inner.holder, inner.is_copy, last)
                if last in _LOOKING_UP:
                    return _inside(inner)
                return Source(inner.holder, True, inner.view) if last in _COPYING else None
            if last in _COPYING and call.args:
                inner = source_of(types, call.args[0].value, where, depth + 1)
                return inner and Source(inner.holder, inner.is_copy or last not in _LIVE, inner.view)
            return None
        case f.Sub(value=value):
            inner = source_of(types, value, where, depth + 1)
            return _inside(inner) if inner is not None else None
        case f.Each(block=block):
            entry = module.facts.blocks[block]
            inner = source_of(types, entry.test, (module, max(entry.parent, 0), entry.start), depth + 1)
            return inner and Source(inner.holder, True, inner.view)
        case f.Display(items=(f.Star(value=value),)):
            inner = source_of(types, value, where, depth + 1)
            return inner and Source(inner.holder, True, inner.view)
        case f.Choice(options=options):
            found = [source_of(types, option, where, depth + 1) for option in options]
            return next((one for one in found if one is not None), None)
        case f.Attr(value=value, attr=attr):
            match types.infer(value, where):
                case Instance(cls=Class() as cls) | ClassObject(cls=cls):
                    return Source(Holder(_home(types, cls, attr), attr), is_copy=False)
                case ModuleObject(module=other):
                    return Source(Holder(other, attr), is_copy=False)
            return None
        case f.Name(id=name):
            return _of_name(types, name, where, depth)
    return None


def _of_name(types: Inference, name: str, where: Where, depth: int) -> Source | None:
    module = where[0]
    found = types.find_bindings(name, where)
    blocks = module.facts.blocks
    match found:
        case [Binding(entry=f.Import() as entry)] if entry.name:
            home = types.modules.imported_from(module, entry)
            return Source(Holder(home, entry.name), is_copy=False) if home is not None else None
        case [Binding(entry=f.Block(kind="for" | "comprehension", target=target, test=test) as entry)]:
            around = (module, max(entry.parent, 0), entry.start)
            made = _made_for_each(types, test, around)
            if made is not None and (part := _part_of(made[0], made[1], target, name)) is not None:
                block = made[0].block
                return source_of(types, part, (module, block, blocks[block].start), depth + 1)
            inner = source_of(types, test, around, depth + 1)
            is_last = isinstance(target, f.Name) or (isinstance(target, f.Display) and target.items[-1] == f.Name(name))
            return _inside(inner) if inner is not None and inner.view != "keys" and is_last else None
        case [Binding(entry=f.Assign() as entry), *rest]:
            if all(blocks[each.block].function < 0 for each in found):
                return Source(Holder(module, name), is_copy=False)
            if not rest and entry.target == f.Name(name) and entry.op == "=":
                return source_of(types, entry.value, (module, entry.block, entry.start), depth + 1)
    return None


def _made_for_each(types: Inference, test: f.Expr | None, where: Where) -> tuple[f.Each, str] | None:
    """The comprehension that a loop goes over, by itself or by its one name, and the view of a dict that it makes."""
    module, view = where[0], ""
    if isinstance(test, f.CallRef):
        func = module.facts.calls[test.index].func
        if not isinstance(func, f.Attr) or func.attr not in _VIEWS:
            return None
        test, view = func.value, func.attr
    if isinstance(test, f.Name):
        found = types.find_bindings(test.id, where)
        entry = found[0].entry if len(found) == 1 else None
        test = entry.value if isinstance(entry, f.Assign) and entry.op == "=" and entry.target == test else None
    return (test, view) if isinstance(test, f.Each) else None


def _part_of(each: f.Each, view: str, target: f.Expr | None, name: str) -> f.Expr | None:
    """What a comprehension says of the variable of a loop over it: `list(room)` of `(name, list(room))`."""
    element = each.element
    if isinstance(element, f.Mapping):
        if view not in ("values", "items") or len(element.items) != 1:
            return None
        key, value = element.items[0]
        element = value if view == "values" or key is None else f.Display("tuple", (key, value))
    elif view:
        return None
    if target == f.Name(name):
        return element
    if isinstance(target, f.Display) and isinstance(element, f.Display) and len(target.items) == len(element.items):
        pairs = zip(target.items, element.items, strict=True)
        return next((value for one, value in pairs if one == f.Name(name)), None)
    return None


def _inside(source: Source) -> Source:
    """What is looked up in a collection; of a copy of the outer one, the inner one is the same."""
    return Source(Holder(source.holder.owner, source.holder.name, source.holder.depth + 1), is_copy=False)


def _home(types: Inference, cls: Class, attr: str) -> Class:
    """The class of a family that makes an attribute."""
    for base in types.mro(cls):
        if isinstance(base, Class) and (attr in base.assigns or attr in types.self_assigns(base)):
            return base
    return cls


def changes(types: Inference, holder: Holder) -> Iterator[Change]:
    """What changes a collection, in all modules that name it; not what makes it."""
    for module in types.modules:
        if module.is_test or not module.mentions(holder.name):
            continue
        for call in module.facts.calls:
            if isinstance(call.func, f.Attr) and call.func.attr in _ADDING | _TAKING:
                where = (module, call.block, call.start)
                if _is(types, call.func.value, holder, where):
                    adds = call.func.attr in _ADDING and call.args
                    value = call.args[-1].value if adds else None
                    yield Change(module, module.enclosing(call.block), call.start, call.block, value)
        for entry in module.facts.assigns:
            if isinstance(entry.target, f.Sub) and entry.value is not None:
                if _is(types, entry.target.value, holder, (module, entry.block, entry.start)):
                    yield Change(module, module.enclosing(entry.block), entry.start, entry.block, entry.value)
        for leave in module.facts.exits:
            if leave.kind == "del" and isinstance(leave.value, f.Sub):
                if _is(types, leave.value.value, holder, (module, leave.block, leave.start)):
                    yield Change(module, module.enclosing(leave.block), leave.start, leave.block, None)


def _is(types: Inference, expr: f.Expr, holder: Holder, where: Where) -> bool:
    found = source_of(types, expr, where)
    return found is not None and found.holder == holder and not found.is_copy and not found.view


def changes_meanwhile(function: Function, block: f.Block, changed: Sequence[Change]) -> bool:
    """Whether something changes a collection while a loop over it waits, and no lock keeps them apart."""
    own = _locks(function.module, function.module.facts.blocks.index(block))
    for change in changed:
        if change.function is None or change.function.name == "__init__":
            continue
        if change.function is function:
            if block.start <= change.start < block.end and not _leaves_after(change, block):
                return True
            continue
        if not own & _locks(change.module, change.block):
            return True
    return False


def _leaves_after(change: Change, block: f.Block) -> bool:
    """Whether a loop is left in the block that changes the collection, so that it does not go on."""
    module = change.module
    text = module.source.slice(change.start, min(module.facts.blocks[change.block].end, block.end))
    return any(
        leave.start > change.start and leave.block == change.block and leave.kind in ("return", "raise")
        for leave in module.facts.exits
    ) or text.rstrip().endswith("break")


def _locks(module: Module, block: int) -> frozenset[f.Expr]:
    """What the `with` statements around a place enter."""
    return frozenset(
        each.test
        for each in module.block_chain(block)
        if each.kind == "with" and isinstance(each.test, (f.Name, f.Attr))
    )
