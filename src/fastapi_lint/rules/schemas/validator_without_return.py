"""FAPI429: validators that give nothing back on some path."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function, Module
from fastapi_lint.model.calls import Endings
from fastapi_lint.rule import Check, rule

_FIELD = "the field becomes None"
_LOSES = {
    "pydantic.field_validator": _FIELD,
    "pydantic.functional_validators.field_validator": _FIELD,
    "pydantic.validator": _FIELD,
    "pydantic.v1.validator": _FIELD,
    "pydantic.root_validator": "every input is refused",
    "pydantic.v1.root_validator": "every input is refused",
}
_MODEL = frozenset({"pydantic.model_validator", "pydantic.functional_validators.model_validator"})


@rule("FAPI429", severity=Severity.ERROR, since="0.2.0")
def validator_without_return(module: Module, check: Check) -> Iterator[Finding]:
    """A validator has a path that ends without returning the value.

    Why is this bad?
    What a validator returns becomes the value. Without a `return` a field validator turns the field into None, a model
    validator with `mode="before"` refuses every input, and with `mode="after"` `model_validate` gives None.

    Known limits
    A `match` whose cases all return, and `while True`, count as complete. Validators that only raise, or whose body is
    `...`, are not reported, and neither are those of a field that end without the value only where it is None.

    References
    - [Pydantic: validators](https://docs.pydantic.dev/latest/concepts/validators/)
    """
    if not module.mentions("validator"):
        return
    for function in module.functions:
        loss = _loss(function, check)
        if loss is None or function.is_generator or _is_stub(function):
            continue
        value = _value(function, check) if loss == _FIELD else None
        if _ends_bare(function, value) or _falls_through(function, value, check):
            yield check.finding(
                function,
                f"validator `{function.name}` does not return the value on every path",
                why=loss,
                instead="return the value, changed or not",
            )


def _loss(function: Function, check: Check) -> str | None:
    """What happens when a validator returns nothing; None when the function is none."""
    for decorator in function.facts.decorators:
        call = function.module.facts.calls[decorator.index] if isinstance(decorator, f.CallRef) else None
        shown = decorator if call is None else call.func
        name = check.project.name(shown, function.module, function.facts.outer, function.facts.first)
        if name in _LOSES:
            return _LOSES[name]
        if name in _MODEL and call is not None:
            mode = f.keyword(call, "mode")
            is_after = mode is not None and mode.value == f.Const("after")
            return "`model_validate` gives None" if is_after else "every input is refused"
    return None


def _value(function: Function, check: Check) -> str | None:
    """The name of the parameter that a field validator gets its value by."""
    index = 0 if "staticmethod" in check.project.types.decorators(function) else 1
    return function.params[index].name if len(function.params) > index else None


def _ends_bare(function: Function, value: str | None) -> bool:
    """Whether a bare `return` ends it where the value is something else than None."""
    return any(
        entry.kind == "return" and entry.value is None and not _is_none_there(function, entry.block, value)
        for entry in function.exits
    )


def _falls_through(function: Function, value: str | None, check: Check) -> bool:
    endings = Endings(check.project.types)
    if not endings.falls_through(function):
        return False
    blocks = function.module.facts.blocks
    last = [
        index for index, block in enumerate(blocks) if block.parent == function.facts.block and block.kind == "choice"
    ]
    if not last or blocks[last[-1]].end < function.end:
        return True
    ways = [index for index, block in enumerate(blocks) if block.parent == last[-1]]
    is_for_values = len(ways) == 1 and _asks(blocks[ways[0]].test, value, "is not")
    return not is_for_values or endings.comes_out(function, ways[0])


def _is_none_there(function: Function, block: int, value: str | None) -> bool:
    """Whether a place is only reached where the value is None."""
    blocks = function.module.facts.blocks
    while block not in (function.facts.block, -1):
        if blocks[block].kind == "if" and _asks(blocks[block].test, value, "is"):
            return True
        block = blocks[block].parent
    return False


def _asks(test: f.Expr | None, value: str | None, operator: str) -> bool:
    """Whether a condition compares the value with None."""
    return value is not None and test == f.Compare((operator,), (f.Name(value), f.Const(None)))


def _is_stub(function: Function) -> bool:
    """Whether nothing stands in the body but a docstring, `...` or `pass`."""
    facts = function.module.facts
    blocks = (block for block in facts.blocks if block.function == function.index and block.kind != "function")
    assigns = function.module.assigns_in.get(function.index, ())
    return not function.exits and not function.calls and not assigns and not any(True for _ in blocks)
