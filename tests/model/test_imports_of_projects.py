"""Which file of a repository an import means, where several could be; and what an import is, whoever asks first."""

from __future__ import annotations

import pytest
from model.projects import project

from fastapi_lint.files.source import Source
from fastapi_lint.index import facts as f
from fastapi_lint.index.build import build
from fastapi_lint.model.names.modules import Modules
from fastapi_lint.model.names.symbols import FunctionObject, Module

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


@pytest.mark.parametrize("length", range(2, 30))
def test_an_import_is_known_whoever_has_asked_first(length: int) -> None:
    """Where too many questions wait for each other, the last get no answer; one about an import or a definition does:
    it would be remembered as None, and be None for whoever asks later."""
    chain = [f"def step_{number}():\n    return step_{number + 1}()\n" for number in range(length)]
    last = f"def step_{length}():\n    return leaf\n"
    of = project(home="def leaf(): ...\n", app="\n".join(["from home import leaf\n", *chain, last]))
    module = of.modules.by_path["app.py"]
    of.infer(f.CallRef(0), module, 0, module.facts.calls[0].start)
    assert isinstance(of.infer(f.Name("leaf"), module, 0, len(module.text)), FunctionObject)
