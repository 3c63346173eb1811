"""What decorators make of functions: the bodies that a call of one runs; none when a decorator is not known."""

from __future__ import annotations

from fastapi_lint import catalog
from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.bodies.decorators import put_in_place
from fastapi_lint.model.names.expressions import decorated_by
from fastapi_lint.model.names.symbols import (
    Class,
    ClassObject,
    External,
    Function,
    FunctionObject,
    Instance,
    Method,
    OneOf,
    Type,
)
from fastapi_lint.model.types.inference.inference import Inference, is_none
from fastapi_lint.tracking import memoized_cyclic

TRANSPARENT = (
    "functools.", "contextlib.", "tenacity.", "backoff.", "abc.", "typing.", "typing_extensions.", "warnings.",
    "pydantic.", "logfire.", "opentelemetry.", "langfuse.", "ddtrace.", "staticmethod", "classmethod", "property",
    "retry.", "retrying.", "stamina.", "cachetools.", "sqlalchemy.", "django.db.transaction.", "pony.orm.db_session",
    "sentry_sdk.", "elasticapm.", "newrelic.agent.", "prometheus_client.", "loguru.", "ratelimit.", "circuitbreaker.",
    "typeguard.", "beartype.", "deprecated.", "numba.",
)  # fmt: skip
"""Decorators that call the decorated function in place; any other external decorator makes it unknown."""
CACHED_PROPERTIES = frozenset({
    "functools.cached_property", "cached_property.cached_property", "cached_property.threaded_cached_property",
    "cached_property", "django.utils.functional.cached_property", "werkzeug.utils.cached_property",
})  # fmt: skip
"""Decorators of properties that are computed once for each object."""
_CONTEXTS = ("contextlib.ContextDecorator", "contextlib.AsyncContextDecorator")
_ONCE = frozenset({
    "functools.lru_cache", "functools.cache", "cachetools.cached", "cachetools.func.ttl_cache",
    "cachetools.func.lru_cache", "cachetools.func.lfu_cache", "cachetools.func.rr_cache", "cachetools.func.fifo_cache",
})  # fmt: skip
"""Decorators that keep answers: a function without parameters has one, made once as long as it is kept."""


class Wrapping:
    """Answers "which bodies does a call of this run", through decorators of the project and known libraries."""

    def __init__(self, types: Inference) -> None:
        self.types = types

    @memoized_cyclic(())
    def bodies(self, function: Function) -> tuple[Function, ...]:
        """What calling a function really runs: its body and the wrappers of its decorators; nothing when unknown.

        Nothing as well for a cached function that needs no arguments, or that gives services: it runs once in the life
        of the process, or once for each way to configure one.
        """
        return tuple(self._unwrapped(function))

    def _unwrapped(self, function: Function) -> tuple[Function, ...]:
        module, facts = function.module, function.facts
        found = [function]
        for decorator in facts.decorators:
            called = isinstance(decorator, f.CallRef)
            match self.types.decorator(function, decorator):
                case External(name=name) if name in _ONCE and (
                    all(param.default is not None for param in function.params) or self._gives_services(function)
                ):
                    return ()
                case External(name=name) if name.startswith(TRANSPARENT) or name in CACHED_PROPERTIES:
                    continue
                case Method(cls=cls) if cls.startswith(("fastapi.", "starlette.", *TRANSPARENT)):
                    continue  # a route decorator returns the function itself
                case FunctionObject(function=factory) if called and self._makes_context(factory):
                    if not factory.is_async:
                        found.append(factory)  # `@timed("load")`: what a generator makes is a decorator as well
                case ClassObject(cls=cls) if called and any(self.types.is_subclass(cls, base) for base in _CONTEXTS):
                    continue
                case FunctionObject() | ClassObject():
                    wrappers = put_in_place(self.types, function, decorator)
                    if wrappers is None or not all(map(self._calls_parameter, wrappers)):
                        return ()
                    found += [wrapper for wrapper in wrappers if not wrapper.is_async]
                case _:
                    if not self._is_accessor(decorated_by(module, decorator)):
                        return ()
        return tuple(found)

    def _makes_context(self, factory: Function) -> bool:
        """Whether a function is a generator that is made a context manager."""
        return factory.is_generator and any(
            name in ("contextlib.contextmanager", "contextlib.asynccontextmanager")
            for name in self.types.decorators(factory)
        )

    def _gives_services(self, function: Function) -> bool:
        """Whether what a function gives are objects that work for others: of classes with coroutines, or clients."""
        given = [
            self.types.infer(leave.value, (function.module, leave.block, leave.start))
            for leave in function.exits
            if leave.kind == "return" and leave.value is not None and not is_none(leave.value)
        ]
        return bool(given) and all(self._is_service(each) for each in given)

    def _is_service(self, value: Type) -> bool:
        match value:
            case OneOf(options=options):
                return all(self._is_service(option) for option in options)
            case Instance(cls=Class() as cls):
                order = [base for base in self.types.mro(cls) if isinstance(base, Class)]
                return any(method.is_async for base in order for method in base.methods.values())
            case Instance(cls=str(name)):
                return catalog.client(name) is not None
        return False

    @staticmethod
    def _is_accessor(decorator: f.Expr) -> bool:
        """`@name.setter`, `@name.getter` and the like of a property."""
        return isinstance(decorator, f.Attr) and decorator.attr in ("setter", "getter", "deleter", "overload")

    @staticmethod
    def _calls_parameter(wrapper: Function) -> bool:
        """Whether a wrapper calls, in its own body, a parameter of the decorator around it."""
        decorator = wrapper.parent
        if decorator is None:
            return False
        names = {param.name for param in decorator.params}
        return any(isinstance(call.func, f.Name) and call.func.id in names for call in wrapper.calls)
