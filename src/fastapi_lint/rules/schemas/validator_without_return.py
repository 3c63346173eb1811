"""FAPI429: validators that give nothing back on some path."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function, Module
from fastapi_lint.model.calls import Endings
from fastapi_lint.model.names import FunctionObject, target_names
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
_ANNOTATED = frozenset({
    "pydantic.AfterValidator", "pydantic.BeforeValidator", "pydantic.PlainValidator", "pydantic.WrapValidator",
    "pydantic.functional_validators.AfterValidator", "pydantic.functional_validators.BeforeValidator",
    "pydantic.functional_validators.PlainValidator", "pydantic.functional_validators.WrapValidator",
})  # fmt: skip
"""What makes a validator of a function in an annotation: `Annotated[int, AfterValidator(check)]`."""
_EQUAL = (("is",), ("==",))
_UNEQUAL = (("is not",), ("!=",))
_MODEL = frozenset({"pydantic.model_validator", "pydantic.functional_validators.model_validator"})


@rule("FAPI429", severity=Severity.ERROR, since="0.2.0")
def validator_without_return(module: Module, check: Check) -> Iterator[Finding]:
    """A validator has a path that ends without returning the value.

    Why is this bad?
    What a validator returns becomes the value. Without a `return` a field validator turns the field into None, a model
    validator with `mode="before"` refuses every input, and with `mode="after"` `model_validate` gives None.

    Known limits
    A `match` whose cases all return, and `while True`, count as complete. Validators that only raise, or whose body
    is `...`, are not reported, and neither are those of a field that end without the value only where it is None
    (asked by `is None`, `== None` and the like; `if value:` does not tell). One that returns the value on some paths is
    information.

    References
    - [Pydantic: validators](https://docs.pydantic.dev/latest/concepts/validators/)
    """
    if not module.mentions("validator", "Validator"):
        return
    named = dict.fromkeys(_in_annotations(module, check))
    for function in dict.fromkeys((*module.functions, *named)):
        loss = _FIELD if function in named else _loss(function, check)
        if loss is None or function.is_generator or function.is_empty:
            continue
        value = _value(function, check) if loss == _FIELD else None
        if _ends_bare(function, value, check) or _falls_through(function, value, check):
            yield check.finding(
                function,
                f"validator `{function.name}` does not return the value on every path",
                why=loss,
                instead="return the value, changed or not",
                module=function.module,
                severity=Severity.INFO if _gives_back(function) else None,
            )


def _in_annotations(module: Module, check: Check) -> Iterator[Function]:
    """The functions that annotations of a module make validators of, wherever they stand: that two modules use one is
    the same finding."""
    for call in module.facts.calls:
        if f.last_name(call.func).endswith("Validator") and check.project.called_name(module, call) in _ANNOTATED:
            given = check.project.infer(call.args[0].value, module, call.block, call.start) if call.args else None
            if isinstance(given, FunctionObject) and given.function.name != "<lambda>" and given.owner is None:
                yield given.function


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
    is_bare = function.cls is None or "staticmethod" in check.project.types.decorators(function)
    index = 0 if is_bare else 1
    return function.params[index].name if len(function.params) > index else None


def _gives_back(function: Function) -> bool:
    """Whether it returns something on another path: that it does not on all may be meant."""
    return any(leave.kind == "return" and leave.value is not None for leave in function.exits)


def _ends_bare(function: Function, value: str | None, check: Check) -> bool:
    """Whether a bare `return` ends it where the value is something else than None."""
    return any(
        entry.kind == "return" and entry.value is None and not _is_none_there(function, entry, value, check)
        for entry in function.exits
    )


def _falls_through(function: Function, value: str | None, check: Check) -> bool:
    endings = check.project.types.shared(Endings)
    if not endings.falls_through(function):
        return False
    blocks = function.module.facts.blocks
    last = [
        index for index, block in enumerate(blocks) if block.parent == function.facts.block and block.kind == "choice"
    ]
    if not last or blocks[last[-1]].end < function.end:
        return True
    ways = _ways(function, last[-1])
    is_for_values = len(ways) == 1 and _asked(blocks[ways[0]].test, value) == "is not"
    return not is_for_values or endings.comes_out(function, ways[0])


def _is_none_there(function: Function, leaving: f.Exit, value: str | None, check: Check) -> bool:
    """Whether a `return` is only reached where the value is None."""
    bound = [
        entry.start
        for entry in function.module.assigns_in.get(function.index, ())
        if any(name == value for name in target_names(entry.target)) and entry.start < leaving.start
    ]
    around = function.module.blocks_around(leaving.block)
    known = max(
        (at for block in around for at in _none_since(function, block, leaving.start, value, check)), default=-1
    )
    return known >= 0 and all(start < known for start in bound)


def _none_since(function: Function, block: int, at: int, value: str | None, check: Check) -> Iterator[int]:
    """From where on the value is None at a place that a block holds, by that block and what it has before the place."""
    blocks = function.module.facts.blocks
    entry = blocks[block]
    if entry.kind in ("if", "else") and blocks[entry.parent].kind == "choice":
        before = [each for each in _ways(function, entry.parent) if each < block]
        if _asked(entry.test, value) == "is" or any(_asked(blocks[each].test, value) == "is not" for each in before):
            yield entry.start
    endings = check.project.types.shared(Endings)
    for index, choice in enumerate(blocks):
        if choice.parent != block or choice.kind != "choice" or choice.end > at:
            continue
        first, *others = _ways(function, index)
        question = _asked(blocks[first].test, value) if blocks[first].kind == "if" else None
        if question == "is" and any(blocks[each].kind == "else" for each in others):
            is_left = not any(endings.comes_out(function, each) for each in others)
        else:
            is_left = question == "is not" and not endings.comes_out(function, first)
        if is_left:
            yield choice.end


def _ways(function: Function, choice: int) -> list[int]:
    """The branches of an `if` statement, or the cases of a `match`."""
    blocks = enumerate(function.module.facts.blocks)
    return [index for index, block in blocks if block.parent == choice and block.kind in ("if", "else", "case")]


def _asked(test: f.Expr | None, value: str | None) -> str | None:
    """How a condition compares the value with None: "is" or "is not"; None when it does not."""
    is_turned = False
    while isinstance(test, f.Unary) and test.op == "not":
        is_turned, test = not is_turned, test.value
    both = (f.Name(value or ""), f.Const(None))
    if not isinstance(test, f.Compare) or test.operands not in (both, both[::-1]):
        return None
    if test.operators not in (*_EQUAL, *_UNEQUAL):
        return None
    return "is not" if (test.operators in _UNEQUAL) is not is_turned else "is"
