"""What one module brings to each table of names: its calls, aliases, stores, derived classes. Collects nothing."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.handles import Module

_CONVERTORS = "CONVERTOR_TYPES"


def calls(module: Module) -> Iterator[tuple[str, object]]:
    for index, call in enumerate(module.facts.calls):
        if name := f.last_name(call.func):
            yield name, (module, index)


def decorating_calls(module: Module) -> Iterator[tuple[str, object]]:
    calls = module.facts.calls
    for function in module.facts.functions:
        for decorator in function.decorators:
            if isinstance(decorator, f.CallRef) and (name := f.last_name(calls[decorator.index].func)):
                yield name, (module, decorator.index)


def convertors(module: Module) -> Iterator[tuple[str, object]]:
    if not module.mentions("register_url_convertor", _CONVERTORS):
        return
    for call in module.facts.calls:
        if f.last_name(call.func) == "register_url_convertor":
            given = call.args[0].value if call.args and call.args[0].name in ("", "key") else None
            yield str(given.value) if isinstance(given, f.Const) else "?", True
        elif isinstance(call.func, f.Attr) and f.last_name(call.func.value) == _CONVERTORS:
            yield "?", True
    for entry in module.facts.assigns:
        if isinstance(entry.target, f.Sub) and f.last_name(entry.target.value) == _CONVERTORS:
            key = entry.target.items[0] if len(entry.target.items) == 1 else None
            yield str(key.value) if isinstance(key, f.Const) else "?", True


def aliases(module: Module) -> Iterator[tuple[str, object]]:
    for entry in module.facts.imports:
        if entry.name and entry.alias and entry.alias != entry.name:
            yield entry.name, entry.alias


def values(module: Module) -> Iterator[tuple[str, object]]:
    """The functions and classes that may be meant where a name or attribute is used as a value, and not called."""
    facts = module.facts
    known = {function.name for function in facts.functions}
    known.update(cls.name for cls in facts.classes)
    known.update(entry.alias or entry.name for entry in facts.imports)
    for index, call in enumerate(facts.calls):
        for arg in call.args:
            for name in _names_in(arg.value, known):
                yield name, (module, "call", index)
    for index, assign in enumerate(facts.assigns):
        for name in _names_in(assign.value, known):
            yield name, (module, "assign", index)
    for index, leave in enumerate(facts.exits):
        if leave.kind in ("return", "yield"):
            for name in _names_in(leave.value, known):
                yield name, (module, "exit", index)


def _names_in(expr: f.Expr | None, known: set[str]) -> Iterator[str]:
    match expr:
        case None | f.Const() | f.CallRef() | f.Unknown():
            return
        case f.Name(id=name):
            if name in known:
                yield name
        case f.Attr(attr=name):
            yield name
        case f.Display(items=items) | f.Choice(options=items):
            for item in items:
                yield from _names_in(item, known)
        case f.Mapping(items=pairs):
            for _, value in pairs:
                yield from _names_in(value, known)
        case f.Star(value=value) | f.Each(element=value):
            yield from _names_in(value, known)


def stores(module: Module) -> Iterator[tuple[str, object]]:
    """What is assigned to attributes of other objects than `self`, by attribute; `setattr`, yielded dicts."""
    facts = module.facts
    for index, entry in enumerate(facts.assigns):
        if isinstance(entry.target, f.Attr) and entry.op == "=" and entry.target.value != _SELF:
            yield entry.target.attr, (module, "assign", index)
    for index, call in enumerate(facts.calls):
        if call.func == _SETATTR and len(call.args) == 3 and isinstance(call.args[1].value, f.Const):
            yield str(call.args[1].value.value), (module, "call", index)
    for index, leave in enumerate(facts.exits):
        if leave.kind == "yield" and isinstance(leave.value, f.Mapping):
            for key, _ in leave.value.items:
                if isinstance(key, f.Const) and isinstance(key.value, str):
                    yield key.value, (module, "yield", index)


def derived(module: Module) -> Iterator[tuple[str, object]]:
    for cls in module.classes:
        for base in cls.facts.bases:
            if name := f.last_name(base.value if isinstance(base, f.Sub) else base):
                yield name, cls


_SELF = f.Name("self")
_SETATTR = f.Name("setattr")


def words(module: Module) -> Iterator[tuple[str, object]]:
    for word in module.vocabulary():
        yield word.decode("ascii", "replace"), True


def itself(module: Module) -> Iterator[tuple[str, object]]:
    yield module.path, module


def in_its_folder(module: Module) -> Iterator[tuple[str, object]]:
    if module.parts:
        yield "/".join(module.parts[:-1]), (module.parts[-1], module.is_package)


def imported(module: Module) -> object:
    """All of a module on which it depends from where it imports others."""
    return [entry.module for entry in module.facts.imports if not entry.level]
