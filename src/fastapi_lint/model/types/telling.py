"""What the conditions of a function tell of a name: the calls of `isinstance` about it. Infers no types."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Class, Instance, Module, Type
from fastapi_lint.model.types.inference.questions import Where

_ANY_ERROR = frozenset({"Exception", "BaseException"})


def may_be_more(known: Type) -> bool:
    """Whether a condition may tell more of a value than what is known of it: its class can be derived from."""
    return known is None or is_any_error(known) or (type(known) is Instance and isinstance(known.cls, Class))


def is_any_error(known: Type) -> bool:
    """Whether all that is known of a value is that it is an exception."""
    return type(known) is Instance and known.cls in _ANY_ERROR


def isinstances(test: f.Expr | None, calls: tuple[f.Call, ...]) -> Iterator[f.Call]:
    """The calls of `isinstance` that hold where a condition does."""
    match test:
        case f.CallRef(index=index) if calls[index].func == f.Name("isinstance") and len(calls[index].args) == 2:
            yield calls[index]
        case f.Choice(options=options, op="and"):
            for option in options:
                yield from isinstances(option, calls)


def is_asked(name: str, where: Where) -> bool:
    """Whether a function asks of which class a name is: of several objects it has some excluded, perhaps."""
    module, block, _ = where
    function = module.facts.blocks[block].function
    return any(
        call.func == f.Name("isinstance") and call.args and is_about(call, name, module)
        for call in module.calls_in.get(function, ())
    ) or any(one.kind == "choice" and one.test == f.Name(name) for one in module.blocks_in.get(function, ()))


def is_about(call: f.Call, name: str, module: Module) -> bool:
    """Whether a call of `isinstance` asks about a name, perhaps one that is bound there: `isinstance(x := f(), C)`."""
    given = call.args[0]
    if given.value == f.Name(name):
        return True
    function = module.facts.blocks[call.block].function
    return any(
        entry.op == ":=" and entry.target == f.Name(name) and given.start <= entry.start < given.end
        for entry in module.assigns_in.get(function, ())
    )
