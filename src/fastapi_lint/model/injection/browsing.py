"""What browsers send along by themselves: cookies, sessions, HTTP Basic; and which applications read any of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, cast

from fastapi_lint.model.names.reach import imported_by
from fastapi_lint.model.names.symbols import Module
from fastapi_lint.tracking.tables import collected, grouped

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_IMPORTED = frozenset({
    "Cookie", "APIKeyCookie", "HTTPBasic", "HTTPDigest", "SessionMiddleware", "CookieTransport", "JwtAccessCookie",
    "JwtRefreshCookie", "JwtAccessBearerCookie", "SessionCookie",
})  # fmt: skip
"""Names of libraries that read what browsers send."""
_LIBRARIES = ("fastapi", "starlette", "fastapi_users", "fastapi_jwt", "fastapi_sessions")
_READ = re.compile(rb"(?:request|req|websocket|ws|conn|connection|scope)\.cookies\b")
_COOKIES = "cookies"


def _evidence(module: Module) -> Iterator[tuple[str, object]]:
    if module.is_test:
        return
    for entry in module.facts.imports:
        if not entry.level and entry.name in _IMPORTED and entry.module.split(".", 1)[0] in _LIBRARIES:
            yield entry.name, module
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
        if not found:
            return False
        todo, seen = list(homes), set(homes)
        while todo:
            module = todo.pop()
            if module in found:
                return True
            for each in imported_by(module, self.project.modules):
                if each not in seen:
                    seen.add(each)
                    todo.append(each)
        return False
