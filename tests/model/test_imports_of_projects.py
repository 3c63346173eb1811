"""Which file of a repository an import means, where several could be."""

from __future__ import annotations

import pytest

from fastapi_lint.files.source import Source
from fastapi_lint.index.build import build
from fastapi_lint.model.names.modules import Modules
from fastapi_lint.model.names.symbols import Module

CASES: dict[str, tuple[list[str], str, str, str | None]] = {
    # what there is: files, the importer, what it imports, the file that is meant
    "a package beside a module of its name": (
        ["api/history.py", "api/history/__init__.py", "main.py"], "main.py", "api.history", "api/history/__init__.py"
    ),
    "a script in a folder with an __init__": (
        ["src/__init__.py", "src/main.py", "src/health/api.py"], "src/main.py", "health.api", "src/health/api.py"
    ),
    "deeper than the script": (
        ["src/__init__.py", "src/a/__init__.py", "src/a/b.py", "src/health/api.py"],
        "src/a/b.py", "health.api", "src/health/api.py",
    ),
    "a library that has the name of a neighbour": (
        ["shop/__init__.py", "shop/redis.py", "shop/cache.py"], "shop/cache.py", "redis", None
    ),
    "a package here pins what is below it": (
        ["one/app/__init__.py", "one/app/main.py", "one/app/v1/users.py", "two/app/v1/__init__.py"],
        "one/app/main.py", "app.v1", None,
    ),
    "the only one elsewhere": (["web/main.py", "lib/shared/a.py"], "web/main.py", "shared.a", "lib/shared/a.py"),
    "two elsewhere": (["web/main.py", "a/shared/store.py", "b/shared/store.py"], "web/main.py", "shared.store", None),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_an_import_means_one_file(name: str) -> None:
    paths, importer, dotted, wanted = CASES[name]
    modules = Modules(Module(Source(path, b""), build(b"")) for path in paths)
    found = modules.find(dotted, modules.by_path[importer])
    assert (found.path if found is not None else None) == wanted
