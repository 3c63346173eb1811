"""FAPI423: type adapters that are built anew for every call."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function, Module
from fastapi_lint.model.names import walk
from fastapi_lint.rule import Check, rule

_ADAPTER = "pydantic.TypeAdapter"
_ONCE = frozenset({"__init__", "__new__", "__post_init__", "__init_subclass__", "__set_name__"})


@rule("FAPI423", since="0.2.0")
def type_adapter_per_call(module: Module, check: Check) -> Iterator[Finding]:
    """A `TypeAdapter` of a type that never changes is built inside a function.

    Why is this bad?
    A TypeAdapter builds a validator and a serializer, which takes far longer than to use them. In a function that
    happens on every call.

    Known limits
    Reported where the adapter is used at once, or through a local variable that nothing else gets. An adapter that the
    function returns, hands on or keeps, and functions below a decorator that is not one of the framework, are left
    alone, and so are types that are made of parameters or local names.

    References
    - [Pydantic: TypeAdapter instantiated once](https://docs.pydantic.dev/latest/concepts/performance/#typeadapter-instantiated-once)
    """
    if module.is_test or not module.mentions("TypeAdapter"):
        return
    for index, call in enumerate(module.facts.calls):
        function = module.enclosing(call.block)
        if function is None or function.name in _ONCE or len(call.args) != 1:
            continue
        if check.project.called_name(module, call) != _ADAPTER or not _is_fixed(call, module, check):
            continue
        if _is_used_here(index, call, function) and _runs_often(function, check):
            shown = module.source.slice(call.args[0].start, call.args[0].end)
            yield check.finding(
                call,
                f"`{function.name}` builds a `TypeAdapter({' '.join(shown.split())[:60]})`",
                why="its validator is made anew on every call, which takes far longer than to use it",
                instead="build it once, at module level",
            )


def _is_fixed(call: f.Call, module: Module, check: Check) -> bool:
    """Whether a type is made of names of the module alone."""
    for expr in walk(call.args[0].value):
        if isinstance(expr, f.CallRef):
            return False
        if isinstance(expr, f.Name):
            for binding in check.project.types.find_bindings(expr.id, (module, call.block, call.start)):
                if module.enclosing(binding.block) is not None:
                    return False
    return True


def _is_used_here(index: int, call: f.Call, function: Function) -> bool:
    """Whether the adapter is called on at once, or kept in a local variable for that and nothing else."""
    module, made = function.module, f.CallRef(index)
    if any(isinstance(each.func, f.Attr) and each.func.value == made for each in function.calls):
        return True
    names = [
        entry.target
        for entry in module.assigns_in.get(function.index, ())
        if entry.value == made and isinstance(entry.target, f.Name)
    ]
    blocks = module.facts.blocks
    shared = {name for name, block in module.facts.globals if blocks[block].function == function.index}
    if len(names) != 1 or names[0].id in shared:
        return False
    local = names[0]
    called = [each for each in function.calls if isinstance(each.func, f.Attr) and each.func.value == local]
    handed = any(arg.value == local for each in module.facts.calls for arg in each.args)
    left = any(part == local for entry in function.exits for part in walk(entry.value))
    stored = any(part == local for entry in module.assigns_in.get(function.index, ()) for part in walk(entry.value))
    return bool(called) and not (handed or left or stored)


def _runs_often(function: Function, check: Check) -> bool:
    """Whether nothing keeps what a function gives, and it does not only run when the application starts."""
    known = (*(each or "" for each in check.project.types.decorators(function)),)
    if any(
        not name.startswith(("fastapi.", "starlette.", "builtins.", "staticmethod", "classmethod")) for name in known
    ):
        return False
    return check.project.effects.serving.when(function) not in ("startup", "elsewhere")
