"""The files that a rule of a plugin starts from: the rule, its fixture, a test. Names no plugin in a configuration.

What it writes is not finished on purpose: the test of `good.py` fails until the rule knows what is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fastapi_lint.config.schema import ConfigurationError
from fastapi_lint.docs.scaffold import GOOD, write
from fastapi_lint.finding import OWN_PREFIX, letters
from fastapi_lint.run.plugins.judging import CODE, NAME

_PACKAGE = '"""Rules of our own for fastapi-lint: one module a rule."""\n'
_RULE = '''\
"""{code}: see the rule's documentation."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.api import Check, Finding, Route, rule


@rule("{code}")
def {function}(route: Route, check: Check) -> Iterator[Finding]:
    """TODO: one sentence that says what the code does wrong.

    Why is this bad?
    TODO: what happens to the program, or to its users.

    References
    - TODO
    """
    yield check.finding(route, "TODO: what is wrong", why="TODO: what that leads to", instead="TODO: what to write")
'''
_BAD = """\
from fastapi import FastAPI

app = FastAPI()


@app.get("/items/{{item_id}}")  # expect: {code} TODO: what is wrong
async def read_item(item_id: int) -> dict[str, int]:
    return {{"item_id": item_id}}
"""
_TEST = '''\
"""The rules of {package} against their fixtures."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastapi_lint.testing import Fixture, fixtures

FOLDER = Path(__file__).parent.parent / "fixtures"


@pytest.mark.parametrize("fixture", fixtures(FOLDER, plugins=["{package}"]), ids=str)
def test_fixtures(fixture: Fixture) -> None:
    fixture.check()
'''


def new_rule(code: str, name: str, root: Path, package: str = "") -> tuple[list[Path], str]:
    """Write the first files of a rule below the folder of a plugin; the files written, and the package they are in.

    `name` completes "this file contains a ...". The package is in `src` if there is such a folder; without a name it is
    called after the letters of the code. Raises `ConfigurationError` for a code or name that no rule can have, and
    `FileExistsError` (before anything is written) when the rule is there already.
    """
    name = name.replace("_", "-")
    if not CODE.fullmatch(code) or letters(code) == OWN_PREFIX:
        raise ConfigurationError(f"the code '{code}' is not made of letters of your own and digits, such as ACME001")
    if not NAME.fullmatch(name):
        raise ConfigurationError(
            f"the name '{name}' is not made of words in lower case, such as write-without-permission"
        )
    package = package or f"{letters(code).lower()}_rules"
    if not all(part.isidentifier() for part in package.split(".")):
        raise ConfigurationError(f"'{package}' is not the name of a package")
    around = root / "src" if (root / "src").is_dir() else root
    place = around / package.replace(".", "/")
    own = {place / f"{name.replace('-', '_')}.py": _RULE.format(code=code, function=name.replace("-", "_"))}
    folder = root / "fixtures" / f"{code}-{name}"
    own |= {folder / "bad.py": _BAD.format(code=code), folder / "good.py": GOOD}
    shared = {place / "__init__.py": _PACKAGE}
    shared[root / "tests" / f"test_{package.replace('.', '_')}.py"] = _TEST.format(package=package)
    return write({**_missing(shared), **own}), package


def _missing(files: Mapping[Path, str]) -> dict[Path, str]:
    return {path: text for path, text in files.items() if not path.exists()}
