"""FAPI901: httpx clients that are given an app. Knows which httpx has no such argument."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from fastapi_lint.finding import Edit, Finding, Fix, Safety, Severity
from fastapi_lint.fixing import edits
from fastapi_lint.fixing.edits.calls import argument_node, value_text
from fastapi_lint.index import facts as f
from fastapi_lint.model import Class, ClassObject, External, Module
from fastapi_lint.rule import Check, rule

_TRANSPORTS = {"httpx.AsyncClient": "ASGITransport", "httpx.Client": "WSGITransport"}


@rule("FAPI901", severity=Severity.ERROR, fix=Safety.SAFE)
def removed_client_app_argument(module: Module, check: Check) -> Iterator[Finding]:
    """An httpx client is given `app=`, which httpx no longer accepts.

    Why is this bad?
    The shortcut is deprecated since httpx 0.27 and gone since 0.28: with any current version the test fails with a
    `TypeError` before the first request. The transport does the same with every version.

    Known limits
    `TestClient` takes an app as before. Nothing is reported where the project declares an httpx older than 0.27; where
    it declares one older than 0.28, the argument still works, and a warning says that it is deprecated.

    References
    - [Async tests](https://fastapi.tiangolo.com/advanced/async-tests/)
    - [httpx changelog](https://github.com/encode/httpx/blob/master/CHANGELOG.md)
    """
    if b"app" not in module.source.data or b"Client" not in module.source.data:
        return
    for call in module.facts.calls:
        given = next((arg for arg in call.args if arg.name == "app"), None)
        client = _client(module, call, check) if given is not None else None
        if given is None or client is None:
            continue
        versions = check.project.versions.for_path(module.path)
        if versions.never_at_least("httpx", "0.27", default=False):
            continue
        works = versions.never_at_least("httpx", "0.28", default=False)
        transport = _TRANSPORTS[client]
        app = " ".join(value_text(module, given).split())
        has_transport = any(arg.name in ("transport", "**") for arg in call.args)
        yield check.finding(
            given,
            f"the argument `app` of `{client}` is deprecated" if works else f"`{client}` has no argument `app`",
            why="it is gone in httpx 0.28" if works else "httpx took it out in 0.28, and this call fails",
            instead=f"pass `transport={transport}(app={app})`",
            severity=Severity.WARNING if works else Severity.ERROR,
            fix=None if has_transport else partial(_fix, module, call, given, transport),
        )


def _client(module: Module, call: f.Call, check: Check) -> str | None:
    """The httpx client class that a call makes, also through a subclass of the project that has no `__init__`."""
    match check.project.callee(module, call):
        case External(name=name) if name in _TRANSPORTS:
            return name
        case ClassObject(cls=cls):
            lineage = check.project.types.mro(cls)
            if not any(isinstance(base, Class) and "__init__" in base.methods for base in lineage):
                return next((base for base in lineage if isinstance(base, str) and base in _TRANSPORTS), None)
    return None


def _fix(module: Module, call: f.Call, given: f.Arg, transport: str) -> Fix | None:
    found = argument_node(module, call, given)
    imported = edits.importing(found[0], "httpx", transport, at=found[1]) if found is not None else None
    if imported is None:
        return None
    name, imports = imported
    text = module.source.slice(given.start, given.end)  # `app=...` as it stands, comments included
    edit = Edit(module.source.span(given.start, given.end), f"transport={name}({text})")
    return Fix(f"Pass a {transport}", Safety.SAFE, (edit, *imports))
