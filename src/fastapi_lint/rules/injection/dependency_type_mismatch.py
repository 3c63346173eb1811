"""FAPI215: parameters that are annotated with something else than their dependency gives."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from fastapi_lint import catalog
from fastapi_lint.finding import Finding
from fastapi_lint.index import facts as f
from fastapi_lint.model import Class, ClassObject, Function, FunctionObject, Instance, Parameter, Type
from fastapi_lint.model.application import is_called_by_hand
from fastapi_lint.model.types import DEPENDS, Where, is_none, options
from fastapi_lint.rule import Check, rule

_VAGUE = frozenset({
    "typing.Any", "dict", "type", "typing.Self", "None", "typing.Protocol", "typing_extensions.Protocol",
    "collections.abc.Callable", "typing.Callable", "generator", "async_generator", "contextmanager", "typing.TypeVar",
})  # fmt: skip
_PLAIN = frozenset({
    "object", "typing.Generic", "abc.ABC", "pydantic.BaseModel", "sqlmodel.SQLModel", "enum.Enum", "str", "int",
    "pydantic_settings.BaseSettings", "sqlalchemy.orm.DeclarativeBase",
})  # fmt: skip
"""Bases of other packages beside which a class has no other ancestor that matters."""

_DEEPEST = 5
"""Dependencies that pass on what they are given."""


@rule("FAPI215", since="0.2.0")
def dependency_type_mismatch(function: Function, check: Check) -> Iterator[Finding]:
    """A parameter is annotated with another class than its dependency returns.

    Why is this bad?
    `Depends` is typed as `Any`, so no type checker compares the two. The code reads attributes that the object does not
    have, and fails at run time.

    Known limits
    Both sides have to be known classes of which neither derives from the other. A difference of `None` alone,
    protocols, type variables, dictionaries, classes with bases that are not known, classes of packages that the linter
    does not know, and dependencies without a declared result that give objects of the project are not reported.

    References
    - [Classes as dependencies](https://fastapi.tiangolo.com/tutorial/dependencies/classes-as-dependencies/)
    - [Get current user](https://fastapi.tiangolo.com/tutorial/security/get-current-user/)
    """
    if function.name == "<lambda>":
        return
    for parameter in check.project.dependencies.parameters(function):
        if parameter.marker not in DEPENDS or parameter.name.startswith("_"):
            continue
        where = (function.module, function.facts.outer, parameter.start)
        given = _given(check.project.types.dependency_of(parameter.fact, where), check)
        declared = _classes(parameter.fact.annotation, where, check) if given else []
        if not given or not declared or any(_fit(one, other, check) for one in declared for other in given):
            continue
        if is_called_by_hand(check.project, function):
            return
        names, gives = (" | ".join(_shown(one, others) for one in each) for each, others in _both(declared, given))
        yield check.finding(
            parameter,
            f"`{parameter.name}` is declared as `{names}`, and its dependency gives `{gives}`",
            why="no type checker sees it, and the attributes of the one are not those of the other",
            instead=f"annotate it with `{gives}`, or depend on something else",
        )


def _given(target: Type, check: Check, depth: int = _DEEPEST) -> list[Instance]:
    """The classes that a dependency declares to give; none where it does not say, or one of them is not known.

    What passes on what it was given itself gives that, whatever it declares.
    """
    types = check.project.types
    match target:
        case FunctionObject(function=function) if (passed := _passed_on(function, check)) is not None and depth:
            where = (function.module, function.facts.outer, passed.start)
            return _given(types.dependency_of(passed.fact, where), check, depth - 1)
        case FunctionObject(function=function) if function.facts.returns is None and not function.facts.decorators:
            seen = types.yield_type(function) if function.is_generator else types.return_type(function)
            is_foreign = isinstance(seen, Instance) and isinstance(seen.cls, str) and "." in seen.cls
            return [seen] if isinstance(seen, Instance) and is_foreign and _is_clear(seen, check) else []
        case FunctionObject(function=function) if not function.facts.decorators:
            if function.is_generator:
                found = types.yield_type(function)
                return [found] if isinstance(found, Instance) and _is_clear(found, check) else []
            return _classes(
                function.facts.returns, (function.module, function.facts.outer, function.facts.start), check
            )
        case ClassObject(cls=cls):
            made = Instance(cls)
            return [made] if _is_clear(made, check) else []
        case Instance(cls=str(name)) if (scheme := catalog.security_scheme(name)) is not None:
            return [Instance(scheme.gives)]
    return []


def _passed_on(function: Function, check: Check) -> Parameter | None:
    """The injected parameter that a dependency gives back as it got it."""
    given = [leave.value for leave in function.exits if leave.kind in ("return", "yield") and leave.value is not None]
    first = given[0] if given else None
    if not isinstance(first, f.Name) or function.rebinds(first.id) or any(value != first for value in given):
        return None
    parameters = check.project.dependencies.parameters(function)
    return next((one for one in parameters if one.name == first.id and one.marker in DEPENDS), None)


def _classes(annotation: f.Expr | None, where: Where, check: Check) -> list[Instance]:
    """The classes that an annotation admits, None aside; none where one of them is not known."""
    found = []
    for option, place in options(check.project.types, annotation, where):
        if is_none(option) or option == f.Name("None"):
            continue
        declared = check.project.types.annotation(option, place)
        if not isinstance(declared, Instance) or not _is_clear(declared, check):
            return []
        found.append(declared)
    return found


def _fit(declared: Instance, given: Instance, check: Check) -> bool:
    types = check.project.types
    return types.is_subclass(declared.cls, given.cls) or types.is_subclass(given.cls, declared.cls)


def _is_clear(value: Instance, check: Check) -> bool:
    """Whether the bases of a class are all known, and it is no protocol.

    Of a class of another package they are only if the catalogue knows it: it may be imported by another of its names.
    """
    order = check.project.types.mro(value.cls) if isinstance(value.cls, Class) else (value.cls,)
    if any(base in _VAGUE or (base in ("?", "object") and base is value.cls) for base in order):
        return False
    if isinstance(value.cls, str):
        is_own_name = "." not in value.cls or value.cls.partition(".")[0] in sys.stdlib_module_names
        return is_own_name or catalog.is_known(value.cls)
    known = [base for base in order if base != "?" or not _is_made(value.cls, check)]
    return all(isinstance(base, Class) or base in _PLAIN for base in known)


def _is_made(cls: Class, check: Check) -> bool:
    """Whether what is not known of a class's bases is only what `declarative_base()` makes, which has no ancestor."""
    model = check.project.orm.of(cls)
    return model is not None and model.complete


def _both(declared: list[Instance], given: list[Instance]) -> Iterator[tuple[list[Instance], list[Instance]]]:
    """Each side, with the other from which it has to be told apart."""
    yield declared, given
    yield given, declared


def _shown(value: Instance, others: list[Instance]) -> str:
    """The name of a class, with as much of its module before it as it takes to tell it from the others."""
    parts = _dotted(value)
    for length in range(1, len(parts)):
        if all(_dotted(other)[-length:] != parts[-length:] for other in others):
            return ".".join(parts[-length:])
    return ".".join(parts)


def _dotted(value: Instance) -> list[str]:
    full = f"{value.cls.module.name}.{value.cls.qualname}" if isinstance(value.cls, Class) else value.cls
    return full.split(".")
