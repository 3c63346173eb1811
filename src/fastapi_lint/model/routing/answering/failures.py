"""Exception handlers of apps: which functions answer for which exceptions, however they are registered."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import (
    External,
    Function,
    FunctionObject,
    Instance,
    Module,
    Partial,
    Type,
    without_partials,
)
from fastapi_lint.model.routing.routers import argument
from fastapi_lint.model.types.inference.inference import Inference, Where
from fastapi_lint.model.values.constants import Values
from fastapi_lint.model.values.environment import NOWHERE, Bound
from fastapi_lint.model.values.expansion import Expansion
from fastapi_lint.tracking.tables import collected, contributions, numbered

_WORD = "exception_handler"
_SERVER_ERROR = External("Exception")
_HTTP_ERROR = External("starlette.exceptions.HTTPException")


class Failures:
    """Answers "who answers when this is raised"."""

    def __init__(self, types: Inference, values: Values, expansion: Expansion) -> None:
        self.types = types
        self.values = values
        self.expansion = expansion

    @collected("failures.handlers")
    def handlers(self) -> Mapping[Function, tuple[Type, ...]]:
        """The functions that are registered for exceptions, with the types (None: not known) that each handles.

        By decorator, `add_exception_handler` (in a loop over a table, in a function that is given both), an argument
        `exception_handlers=`, or an entry of this attribute. The status 500 stands for any exception, others for
        HTTPException.
        """
        table: dict[Function, list[Type]] = {}
        contributions(self.types.modules.tables, "failures", lambda module: self.contribute(module, table))
        return {function: tuple(handled) for function, handled in table.items()}

    def contribute(self, module: Module, table: dict[Function, list[Type]]) -> Collection[int]:
        """Add the functions that a module registers; 0 if it does."""
        found = list(self._registered(module)) if module.mentions(_WORD) and not module.is_test else []
        for function, handled in found:
            table.setdefault(function, []).append(handled)
        return numbered((0,), found) if found else ()

    def parameter(self, function: Function) -> f.Param | None:
        """The parameter by which a handler gets the exception; None for what is no handler."""
        if function not in self.handlers:
            return None
        params = [param for param in function.params if param.kind in ("positional-only", "normal")]
        index = 2 if function.facts.cls >= 0 and params and params[0].name in ("self", "cls") else 1
        where = (function.module, function.facts.outer, function.facts.start)
        for at, param in enumerate(params):  # a partial may give others in front of the request
            if param.annotation is not None and self.types.is_instance(
                self.types.annotation(param.annotation, where), "fastapi.requests.HTTPConnection"
            ):
                index = at + 1
                break
        return params[index] if index < len(params) else None

    def _registered(self, module: Module) -> Iterator[tuple[Function, Type]]:
        for function in module.functions:
            for decorator in function.facts.decorators:
                if isinstance(decorator, f.CallRef):
                    call = module.facts.calls[decorator.index]
                    first = argument(call, 0, "exc_class_or_status_code")
                    if f.last_name(call.func) == _WORD and first is not None:
                        yield function, self._handled(first.value, (module, call.block, call.start))
        for call in module.facts.calls:
            where = (module, call.block, call.start)
            given = f.keyword(call, "exception_handlers")
            if given is not None:
                yield from self._of_mapping(given.value, where)
            if f.last_name(call.func) == "add_exception_handler":
                first, second = argument(call, 0, "exc_class_or_status_code"), argument(call, 1, "handler")
                if first is not None and second is not None:
                    yield from self._each(first.value, second.value, where)
            elif isinstance(call.func, f.CallRef):  # app.exception_handler(KeyError)(answer)
                made = module.facts.calls[call.func.index]
                first = argument(made, 0, "exc_class_or_status_code")
                if f.last_name(made.func) == _WORD and first is not None and len(call.args) == 1:
                    yield from self._each(first.value, call.args[0].value, where)
        for entry in module.facts.assigns:
            match entry.target:
                case f.Sub(value=f.Attr(attr="exception_handlers"), items=(key,)) if entry.value is not None:
                    yield from self._one(key, entry.value, (module, entry.block, entry.start))

    def _of_mapping(self, expr: f.Expr, where: Where) -> Iterator[tuple[Function, Type]]:
        if isinstance(expr, (f.Name, f.Attr)):
            for value, place in self.values.definitions(expr, where):
                if isinstance(value, f.Mapping):
                    yield from self._of_mapping(value, place)
        for key, value in expr.items if isinstance(expr, f.Mapping) else ():
            if key is not None:
                yield from self._one(key, value, where)

    def _each(self, key: f.Expr, handler: f.Expr, where: Where) -> Iterator[tuple[Function, Type]]:
        """What a call registers in each round of the loops around it, and in each call of its function."""
        for environment in self.expansion.environments(*where, (key, handler)):
            keyed, given = (self.expansion.source(each, where, environment) for each in (key, handler))
            yield from self._pair(keyed, given)

    def _one(self, key: f.Expr, handler: f.Expr, where: Where) -> Iterator[tuple[Function, Type]]:
        yield from self._pair((key, where, NOWHERE), (handler, where, NOWHERE))

    def _pair(self, key: Bound, handler: Bound) -> Iterator[tuple[Function, Type]]:
        expr, where, _ = handler
        found = self.types.infer(expr, where)
        if isinstance(expr, f.CallRef) and not isinstance(found, (FunctionObject, Partial)):  # cast(Any, handler)
            args = where[0].facts.calls[expr.index].args
            found = self.types.infer(args[1].value, where) if len(args) == 2 else found
        found = without_partials(found)  # partial(handler, status=500)
        if isinstance(found, Instance):  # an object that is called
            found = self.types.attribute(found, "__call__")
        if isinstance(found, FunctionObject):
            yield found.function, self._handled(key[0], key[1])

    def _handled(self, key: f.Expr, where: Where) -> Type:
        status = self.values.status(key, where)
        if status is not None:
            return _SERVER_ERROR if status == 500 else _HTTP_ERROR
        return self.types.infer(key, where)
