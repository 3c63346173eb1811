"""What browsers send along by themselves: cookies, sessions, HTTP Basic; and which applications read any of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, cast

from fastapi_lint import catalog
from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.bodies.arguments import given
from fastapi_lint.model.names.expressions import walk
from fastapi_lint.model.names.reach import imported_by
from fastapi_lint.model.names.symbols import ClassObject, Function, FunctionObject, Module
from fastapi_lint.model.values.defaults import Defaults
from fastapi_lint.tracking.tables import collected, grouped

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_IMPORTED = frozenset({
    "Cookie", "APIKeyCookie", "HTTPBasic", "HTTPDigest", "SessionMiddleware", "CookieTransport", "JwtAccessCookie",
    "JwtRefreshCookie", "JwtAccessBearerCookie", "SessionCookie",
})  # fmt: skip
"""Names of libraries that read what browsers send."""
_PLAIN = frozenset({"Cookie", "APIKeyCookie"})
"""Those of them that read cookies which the application sets by itself."""
_LIBRARIES = ("fastapi", "starlette", "fastapi_users", "fastapi_jwt", "fastapi_sessions")
_BY_MODULE = re.compile(rb"\.(" + "|".join(sorted(_IMPORTED)).encode() + rb")\b")
_READ = re.compile(rb"(?:request|req|websocket|ws|conn|connection|scope)\.cookies\b")
_COOKIES = "cookies"
_SETS = frozenset({"set_cookie", "delete_cookie"})
_ASKS = frozenset({"json", "body", "form", "stream", "get", "getlist", "url_for"})
_FORGETS = frozenset({"clear", "pop"})
_PURE = frozenset(
    {"str", "int", "float", "bool", "len", "dict", "list", "tuple", "set", "isinstance", "print", "repr", "min", "max"}
)
_COMPUTING = frozenset({"sum", "round", "sorted", "abs", "pow", "divmod"})
_COMPUTING_IN = ("math.", "cmath.", "statistics.", "decimal.", "fractions.", "hashlib.", "re.", "difflib.")
_IDLE_IN = ("uuid.", "datetime.", "json.", "fastapi.HTTPException")
_ARITHMETIC = frozenset({"-", "*", "/", "//", "**", "@"})
_DEEPEST = 4
_HARMLESS = ("logging.", "uuid.", "secrets.", "datetime.", "json.", "time.", "urllib.parse.", "structlog.", "loguru.")


def _evidence(module: Module) -> Iterator[tuple[str, object]]:
    if module.is_test:
        return
    for entry in module.facts.imports:
        if not entry.level and entry.name in _IMPORTED and entry.module.split(".", 1)[0] in _LIBRARIES:
            yield entry.name, module
    if any(not entry.name and entry.module.split(".", 1)[0] in _LIBRARIES for entry in module.facts.imports):
        for name in sorted(set(_BY_MODULE.findall(module.source.data))):  # `import fastapi`, and then `fastapi.Cookie`
            yield name.decode(), module
    if _READ.search(module.source.data):
        yield _COOKIES, module


class Browsing:
    """Answers whether an application reads what browsers send by themselves."""

    TABLES = "project.modules.tables"

    def __init__(self, project: Project) -> None:
        self.project = project

    @collected("browsing.readers", pairs=_evidence)
    def readers(self) -> Mapping[str, list[Module]]:
        """The modules that read credentials which browsers send, by what they read them with."""
        return cast("dict[str, list[Module]]", grouped(self.project.modules.tables, "browsing.readers"))

    def reads_credentials(self, homes: frozenset[Module]) -> bool:
        """Whether any of some modules, or of those that they import, reads what browsers send by themselves."""
        found = {module for name in (*sorted(_IMPORTED), _COOKIES) for module in self.readers.get(name, ())}
        return bool(found) and any(module in found for module in self._reached(homes))

    def only_strict_cookies(self, homes: frozenset[Module]) -> bool:
        """Whether all that is read are cookies, and every one that is set is known to be `SameSite=Strict`."""
        reached = set(self._reached(homes))
        others = (name for name in _IMPORTED - _PLAIN if not reached.isdisjoint(self.readers.get(name, ())))
        if any(others):
            return False
        kept = [(module, call) for module in reached for call in module.facts.calls
                if f.last_name(call.func) == "set_cookie"]  # fmt: skip
        return bool(kept) and all(self._is_strict(module, call) for module, call in kept)

    def _is_strict(self, module: Module, call: f.Call) -> bool:
        same_site = given(self.project.values, module, call, "samesite", 8)
        if same_site is None:
            return False
        found = [text.lower() for text, _ in Defaults(self.project.values).texts(same_site.value, same_site.where)]
        return found == ["strict"]

    def _reached(self, homes: frozenset[Module]) -> Iterator[Module]:
        """Some modules, and those that they import."""
        todo, seen = list(homes), set(homes)
        while todo:
            module = todo.pop()
            yield module
            for each in imported_by(module, self.project.modules):
                if each not in seen:
                    seen.add(each)
                    todo.append(each)


def changes_only_the_browser(handler: Function, project: Project) -> bool:
    """Whether all that a handler changes is the caller's own browser: it sets or deletes cookies, ends its session, or
    sends it elsewhere, and calls nothing that could change anything else."""
    module = handler.module
    found = False
    for call in handler.calls:
        where = (module, call.block, call.start)
        name = project.called_name(module, call) or ""
        last = f.last_name(call.func)
        owner = call.func.value if isinstance(call.func, f.Attr) else None
        if last in _SETS and catalog.canonical(name).startswith(("fastapi.Response.", "fastapi.responses.")):
            found = True
        elif isinstance(owner, f.Attr) and owner.attr == "session" and last in (*_FORGETS, "get"):
            found = found or last in _FORGETS
        elif name.startswith(("fastapi.Response", "fastapi.responses.", "fastapi.HTTPException")):
            found = found or name.endswith("RedirectResponse")
        elif not (
            last in _ASKS
            or name in _PURE
            or name.startswith(_HARMLESS)
            or _is_schema(project.infer(call.func, *where), project)
        ):
            return False
    return found and all(_is_own(assign.target) for assign in module.assigns_in.get(handler.index, ()))


def only_computes(handler: Function, project: Project) -> bool:
    """Whether a handler does nothing but compute its answer from what it was given: it calls nothing that could change
    anything, itself or in functions of the project, sets nothing that outlives it, and computes something."""
    return _computes(handler, project, _DEEPEST) is True


def _computes(function: Function, project: Project, depth: int) -> bool | None:
    """True when it computes, False when it only hands on what it was given, None when it may change something."""
    module = function.module
    if depth == 0 or function.is_generator:
        return None
    if any(isinstance(part, (f.Attr, f.Sub)) for each in _targets(function) for part in walk(each)):
        return None
    if _declares_global(function):
        return None
    found = False
    for call in function.calls:
        callee = project.callee(module, call)
        name = project.called_name(module, call) or ""
        if isinstance(callee, FunctionObject):
            inner = _computes(callee.function, project, depth - 1)
            if inner is None:
                return None
            found = found or inner
        elif name in _COMPUTING or name.startswith(_COMPUTING_IN):
            found = True
        elif not (name in _PURE or name.startswith(_IDLE_IN) or _is_schema(callee, project)):
            return None
    return found or any(
        isinstance(part, f.Binary) and part.op in _ARITHMETIC for expr in _written(function) for part in walk(expr)
    )


def _targets(function: Function) -> Iterator[f.Expr]:
    for entry in function.module.assigns_in.get(function.index, ()):
        yield entry.target


def _declares_global(function: Function) -> bool:
    blocks = function.module.facts.blocks
    return any(blocks[block].function == function.index for _, block in function.module.facts.globals)


def _written(function: Function) -> Iterator[f.Expr]:
    for entry in function.module.assigns_in.get(function.index, ()):
        if entry.value is not None:
            yield entry.value
    for leave in function.exits:
        if leave.value is not None:
            yield leave.value


def _is_schema(value: object, project: Project) -> bool:
    return isinstance(value, ClassObject) and project.schemas.of(value.cls) is not None


def _is_own(target: f.Expr) -> bool:
    """Whether an assignment stays in the handler, its answer, or the session of the caller."""
    match target:
        case f.Name():
            return True
        case f.Display(items=items):
            return all(map(_is_own, items))
        case (
            f.Sub(value=f.Attr(value=f.Name(), attr="headers" | "session")) | f.Attr(value=f.Name(), attr="status_code")
        ):
            return True
    return False
