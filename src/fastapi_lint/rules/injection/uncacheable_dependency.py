"""FAPI227: cached dependencies with parameters that are no cache keys."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.model import Class, Function, Instance
from fastapi_lint.model.data import CACHES
from fastapi_lint.model.injection import Parameter
from fastapi_lint.rule import Check, rule

_UNHASHABLE = frozenset({"dict", "list", "set", "bytearray"})
_EACH_ITS_OWN = (
    "starlette.requests.HTTPConnection", "fastapi.Request", "fastapi.WebSocket", "sqlalchemy.orm.Session",
    "sqlalchemy.ext.asyncio.AsyncSession", "sqlmodel.Session",
)  # fmt: skip
"""What every request has an own one of, hashable by its identity."""


@rule("FAPI227", severity=Severity.ERROR, since="0.2.0")
def uncacheable_dependency(function: Function, check: Check) -> Iterator[Finding]:
    """A dependency below `lru_cache` takes what cannot be a cache key.

    Why is this bad?
    The arguments are the key of the cache. A Pydantic model that is not frozen, a dict, a list or a set has no hash:
    `TypeError: unhashable type`, so that every request answers 500. A request, a websocket or a session has one, but is
    never met again: nothing is ever found in the cache, which keeps all of them alive.

    Known limits
    Only `functools.lru_cache` and `functools.cache`; other caches may have a key function.

    References
    - [functools.lru_cache](https://docs.python.org/3/library/functools.html#functools.lru_cache)
    - [Pydantic: frozen models](https://docs.pydantic.dev/latest/concepts/models/#faux-immutability)
    """
    if not function.facts.decorators or function.module.is_test:
        return
    if function not in check.project.dependencies.injected:
        return
    if CACHES.isdisjoint(check.project.types.decorators(function)):
        return
    for parameter in check.project.dependencies.parameters(function):
        what = _unhashable(parameter, check)
        if what:
            yield check.finding(
                parameter,
                f"`{function.name}` is cached, and `{parameter.name}` is {what}",
                why="it has no hash: every request that needs this answers 500",
                instead="take plain values, freeze the model, or cache what is behind it",
            )
        elif check.project.types.is_instance(parameter.type, *_EACH_ITS_OWN):
            yield check.finding(
                parameter,
                f"`{function.name}` is cached by `{parameter.name}`, which is another one for each request",
                why="nothing is ever found in the cache, and it keeps these objects alive",
                instead="drop the cache, or take only the values that matter",
                severity=Severity.INFO,
            )


def _unhashable(parameter: Parameter, check: Check) -> str:
    """What a parameter holds that has no hash; "" for everything else, and what is not known."""
    match parameter.type:
        case Instance(cls=str(name)) if name in _UNHASHABLE:
            return f"a {name}"
        case Instance(cls=Class() as cls):
            schema = check.project.schemas.of(cls)
            if schema is None or not schema.is_validated or not schema.complete or schema.kind == "pydantic-dataclass":
                return ""
            if "frozen" in schema.config or _has_hash(cls, check):
                return ""
            return f"a `{cls.name}`, a model that is not frozen"
    return ""


def _has_hash(cls: Class, check: Check) -> bool:
    """Whether a class has a `__hash__`, or may have one from somewhere."""
    for base in check.project.types.mro(cls):
        if isinstance(base, Class):
            if "__hash__" in base.methods or "__hash__" in base.assigns:
                return True
        elif base == "?":
            return True
    return False
