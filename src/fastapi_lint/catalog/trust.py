"""What authenticates, and which decorators are harmless above a route, in libraries. Lookups only."""

from __future__ import annotations

from functools import lru_cache

from fastapi_lint.catalog.effects import Lookup
from fastapi_lint.catalog.format import AuthDependency, Marker, Scheme
from fastapi_lint.catalog.names import canonical, lineage, tables


@lru_cache(maxsize=1)
def _schemes() -> dict[str, Scheme]:
    return {canonical(name): entry for entry in tables().schemes for name in entry.names}


@lru_cache(maxsize=1)
def _dependencies() -> Lookup[AuthDependency]:
    return Lookup(tables().dependencies)


@lru_cache(maxsize=1)
def _middleware() -> frozenset[str]:
    return frozenset(canonical(name) for entry in tables().middleware for name in entry.names)


@lru_cache(maxsize=1)
def _decorators() -> frozenset[str]:
    return frozenset(canonical(name) for entry in tables().decorators for name in entry.names)


@lru_cache(maxsize=1)
def _markers() -> dict[str, Marker]:
    return {canonical(name): entry for entry in tables().markers for name in entry.names}


def security_scheme(cls: str) -> Scheme | None:
    """The security scheme that a class is, or is derived from."""
    known = _schemes()
    return next((known[owner] for owner in lineage(cls) if owner in known), None)


def auth_dependency(name: str) -> AuthDependency | None:
    """How a name of a package authenticates as a dependency, if it does."""
    return _dependencies().function(name)


def is_auth(name: str) -> bool:
    """Whether a dependency of this name, or an instance of this class as a dependency, authenticates."""
    return security_scheme(name) is not None or auth_dependency(name) is not None


def is_auth_middleware(cls: str) -> bool:
    """Whether a middleware class authenticates requests."""
    return any(owner in _middleware() for owner in lineage(cls))


def is_auth_decorator(name: str) -> bool:
    """Whether a decorator refuses callers who are not authenticated."""
    return canonical(name) in _decorators()


def marker(name: str) -> Marker | None:
    """Why a decorator may stand above a route decorator, if it may."""
    return _markers().get(canonical(name))
