"""What is checked of a text on its way in: patterns, choices and validators of parameters and of fields. Follows
nothing."""

from __future__ import annotations

import re

from fastapi_lint.index import facts as f
from fastapi_lint.model.data.kinds import VALIDATED
from fastapi_lint.model.data.schemas import Schema, SchemaField, Schemas
from fastapi_lint.model.injection.dependencies import Parameter
from fastapi_lint.model.names.symbols import Class, Function
from fastapi_lint.model.types.alternatives import options
from fastapi_lint.model.types.inference.inference import Inference, Where, is_none
from fastapi_lint.tracking import memoized

NUMBERS = frozenset({
    "int", "float", "bool", "complex", "uuid.UUID", "datetime.datetime", "datetime.date", "datetime.time",
    "datetime.timedelta", "decimal.Decimal", "fractions.Fraction", "ipaddress.IPv4Address", "ipaddress.IPv6Address",
    "ipaddress.IPv4Network", "ipaddress.IPv6Network", "enum.Enum", "pydantic.UUID1", "pydantic.UUID3", "pydantic.UUID4",
    "pydantic.UUID5", "pydantic.types.UUID4", "pydantic.types.UUID1", "pydantic.types.UUID5", "pydantic.PositiveInt",
    "pydantic.NegativeInt", "pydantic.NonNegativeInt", "pydantic.NonPositiveInt", "pydantic.StrictInt",
    "pydantic.StrictBool", "pydantic.StrictFloat", "pydantic.PositiveFloat", "pydantic.NonNegativeFloat",
    "pydantic.ByteSize", "pydantic.IPvAnyAddress", "pydantic.PastDate", "pydantic.FutureDate", "pydantic.AwareDatetime",
    "pydantic.NaiveDatetime", "pydantic.PastDatetime", "pydantic.FutureDatetime", "bson.ObjectId",
})  # fmt: skip
"""Types that hold no text."""
_ADMITTING = re.compile(r"(?<!\\)(?:\.(?!\w+\$?\Z)[*+?{]|\[\^|\\[SDWs])")
"""What lets a pattern match nearly anything."""
_BEGINS = re.compile(r"[(?:]*(?:\(\?[aiLmsux]+\)[(?:]*)?(?:\^|\\A)")
_VALIDATORS = frozenset({
    "pydantic.field_validator", "pydantic.validator", "pydantic.functional_validators.field_validator",
    "pydantic.class_validators.validator",
})  # fmt: skip
_TIDYING = frozenset({
    "strip", "lstrip", "rstrip", "lower", "upper", "casefold", "title", "capitalize", "isinstance", "str",
})  # fmt: skip
"""Calls of validators that leave every sign but blanks in a text."""
_DEEPEST = 4
_WHOLE_VALIDATORS = frozenset({"pydantic.model_validator", "pydantic.root_validator"})


class Fields:
    """Answers "is this checked before anybody reads it"."""

    def __init__(self, types: Inference, schemas: Schemas) -> None:
        self.types = types
        self.schemas = schemas

    def is_narrow(self, cls: Class, name: str) -> bool:
        """Whether a field of a class that Pydantic validates holds no text of just any kind: whoever makes an object
        with another one is refused."""
        schema = self.schemas.of(cls)
        one = schema.field(name) if schema is not None and schema.kind in VALIDATED else None
        if schema is None or one is None:
            return False
        return self.is_validated(schema, one) or self._is_of_no_text(one.annotation, one.where)

    def are_narrow(self, annotation: f.Expr, where: Where) -> bool:
        """Whether the items of a list, of which this is the annotation, are numbers, choices or checked."""
        metadata = self.types.metadata(annotation, where)
        is_checked = any(self._is_validator(expr, (home, place[1], place[2])) for home, expr, place in metadata)
        return is_checked or self._is_of_no_text(annotation, where)

    def holds_no_text(self, annotation: f.Expr, where: Where, depth: int = 0) -> bool:
        """Whether what an annotation admits are numbers, choices or checked, or containers of nothing else."""
        if self.are_narrow(annotation, where):
            return True
        return depth < _DEEPEST and all(
            is_none(option)
            or (
                isinstance(option, f.Sub)
                and all(self.holds_no_text(one, at, depth + 1) for one in option.items if not isinstance(one, f.Raw))
            )
            for option, at in options(self.types, annotation, where)
        )

    def _is_of_no_text(self, annotation: f.Expr | None, where: Where) -> bool:
        """Whether everything that an annotation admits is a number or a choice."""
        for option, place in options(self.types, annotation, where):
            if is_none(option) or option == f.Name("None"):
                continue
            if isinstance(option, f.Sub):
                if self.types.name_of_type(self.types.infer(option.value, place)) == "typing.Literal":
                    continue
            if not self.types.is_instance(self.types.annotation(option, place), *NUMBERS):
                return False
        return annotation is not None

    def is_checked(self, parameter: Parameter, where: Where) -> bool:
        """Whether a pattern, a choice or a validator stands with a parameter."""
        if parameter.marker_call is not None and self._constrains(parameter.marker_call.args, where):
            return True
        return any(
            self._is_validator(expr, (module, place[1], place[2]))
            for module, expr, place in self.types.metadata(parameter.fact.annotation, where)
        )

    def is_validated(self, schema: Schema, one: SchemaField) -> bool:
        """The same for a field: also validators of its class."""
        for key in ("pattern", "regex", "enum", "const"):
            if (given := one.keywords.get(key)) is not None and self._narrows(given.value, key):
                return True
        if any(self._is_validator(expr, (module, place[1], place[2])) for module, expr, place in one.metadata):
            return True
        return one.name in self._validated(schema.cls)

    @memoized
    def _validated(self, cls: Class) -> frozenset[str]:
        """The fields that validators of a class look at, those aside that only take blanks away."""
        found: set[str] = set()
        for base in self.types.mro(cls):
            for method in base.methods.values() if isinstance(base, Class) else ():
                for decorator in method.facts.decorators:
                    if not isinstance(decorator, f.CallRef):
                        continue
                    call = method.module.facts.calls[decorator.index]
                    name = self.types.name_of_type(self.types.callee(method.module, call))
                    if name in _VALIDATORS:
                        if _only_tidies(method):
                            continue
                        texts = [arg.value.value for arg in call.args if isinstance(arg.value, f.Const)]
                        found.update(str(text) for text in texts)
                    elif name in _WHOLE_VALIDATORS:
                        text = method.module.source.slice(method.facts.head_end, method.facts.end)
                        found.update(re.findall(r"\w+", text))
        return frozenset(found)

    def _is_validator(self, expr: f.Expr, where: Where) -> bool:
        """Whether metadata of an annotation checks the value: a validator, a pattern."""
        if not isinstance(expr, f.CallRef):
            return False
        call = where[0].facts.calls[expr.index]
        name = self.types.name_of_type(self.types.callee(where[0], call)) or f.last_name(call.func)
        last = name.rpartition(".")[2]
        return last.endswith("Validator") or (not last.startswith("Depends") and self._constrains(call.args, where))

    def _constrains(self, args: tuple[f.Arg, ...], where: Where) -> bool:
        # What is unpacked (`Path(**RULES)`) may hold a pattern.
        return any(
            arg.name == "**" or (arg.name in ("pattern", "regex", "enum") and self._narrows(arg.value, arg.name))
            for arg in args
        )

    @staticmethod
    def _narrows(value: f.Expr, key: str) -> bool:
        """Whether a pattern leaves out anything of note; one that is not known does."""
        if not isinstance(value, f.Const):
            return True
        # Pydantic searches for a `pattern`: what it says of the end alone says nothing of what stands before.
        is_anywhere = key == "pattern" and _BEGINS.match(str(value.value)) is None
        return not is_anywhere and _ADMITTING.search(str(value.value)) is None


def _only_tidies(method: Function) -> bool:
    """Whether a validator refuses nothing: it takes blanks away, or writes letters otherwise."""
    module = method.module
    tests = (test for test in module.facts.tests if test.kind == "assert")
    asserts = any(module.facts.blocks[test.block].function == method.index for test in tests)
    raises = any(leave.kind == "raise" for leave in method.exits)
    return not raises and not asserts and all(f.last_name(call.func) in _TIDYING for call in method.calls)
