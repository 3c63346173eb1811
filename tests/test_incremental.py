"""Incremental runs: after any change they find what a run finds that starts afresh.

And it judges again only what can have changed, and says so when it knows too little.
"""

from __future__ import annotations

import random
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from fastapi_lint import engine
from fastapi_lint.config.settings import Settings
from fastapi_lint.finding import Finding
from fastapi_lint.model import Function
from fastapi_lint.rule import Check, Rule
from fastapi_lint.run import story as run
from fastapi_lint.tracking import recording

FIXTURES = Path(__file__).parent.parent / "fixtures"

APP = {
    "shop/__init__.py": "",
    "shop/main.py": """\
from fastapi import FastAPI

from shop import items
from shop.users import router as users

app = FastAPI()
app.include_router(items.router, prefix="/items")
app.include_router(users, prefix="/users")
""",
    "shop/db.py": """\
from sqlalchemy import create_engine
from sqlalchemy.orm import Session, sessionmaker

engine = create_engine("sqlite://")
make_session = sessionmaker(engine)


def current_session():
    with make_session() as session:
        yield session
""",
    "shop/names.py": "from shop.db import current_session as session_of_request\n\nITEMS = '/all'\n",
    "shop/store.py": """\
import time


class Store:
    def load(self):
        return self.read()

    def read(self):
        time.sleep(3)
        return []


def slow():
    return Store().load()
""",
    "shop/items.py": """\
from fastapi import APIRouter, Depends

from shop.names import ITEMS, session_of_request
from shop.store import slow

router = APIRouter()


@router.get(ITEMS)
async def read_items(session=Depends(session_of_request)):
    return slow()


@router.post("/")
def create_item(session=Depends(session_of_request)):
    session.add(object())
    session.commit()
    return {}
""",
    "shop/users.py": """\
from fastapi import APIRouter
from pydantic import BaseModel

router = APIRouter()


class UserUpdate(BaseModel):
    name: str | None
    email: str | None


@router.patch("/{user_id}")
def update_user(user_id: int, change: UserUpdate):
    return change
""",
    "shop/plain.py": "def add(a, b):\n    return a + b\n",
}


def write(root: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8", newline="")


def check(root: Path, *, cached: bool = True, jobs: int = 1) -> run.Outcome:
    settings = Settings(root=root, select=("all",))
    return run.check(run.Request(root, (root,), settings, cache=cached, jobs=jobs))


def found_by(outcome: run.Outcome) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    return outcome.findings, outcome.suppressed


@pytest.fixture(autouse=True)
def nothing_is_recorded_afterwards() -> Iterator[None]:
    yield
    recording.disable()


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> set[tuple[str, str]]:
    """What is judged: code and path."""
    found: set[tuple[str, str]] = set()
    original = engine._Run.judge

    def watched(
        self: engine._Run, rule: Rule, subjects: Sequence[object], check: Check, path: str, closed: bool = False
    ) -> None:
        found.update((rule.code, check.module.path) for _ in subjects)
        original(self, rule, subjects, check, path, closed=closed)

    monkeypatch.setattr(engine._Run, "judge", watched)
    return found


CALL = "from shop.names import session_of_request\n\nx = session_of_request()\n\n\n"
SUBCLASS = """\
from shop.store import Store


class Quick(Store):
    async def read(self):
        return 1


"""
CHANGES = {
    "a constant in another module": ("shop/names.py", "'/all'", "'/every'"),
    "an alias leads elsewhere": ("shop/names.py", "current_session", "make_session"),
    "a method at the end of a chain waits no more": ("shop/store.py", "time.sleep(3)", "pass"),
    "a method in a chain becomes a coroutine": ("shop/store.py", "def load", "async def load"),
    "a router is included no more": ("shop/main.py", 'app.include_router(users, prefix="/users")\n', ""),
    "a router gets another prefix": ("shop/main.py", '"/items"', '"/things"'),
    "a dependency gives something else": ("shop/db.py", "yield session", "return 1"),
    "a dependency is a coroutine": ("shop/db.py", "def current", "async def current"),
    "a handler is sent elsewhere": ("shop/users.py", '"/{user_id}"', '"/"'),
    "a field gets a default": ("shop/users.py", "name: str | None", "name: str | None = None"),
    "a file does not parse": ("shop/store.py", "def slow():", "def slow(:"),
    "a finding is silenced": ("shop/items.py", "return slow()", "return slow()  # noqa: FAPI102"),
    "somebody else calls a dependency": ("shop/plain.py", "def add", CALL + "def add"),
    "a subclass has another method": ("shop/plain.py", "def add", SUBCLASS + "def add"),
    "everything moves down": ("shop/store.py", "import time", "# first\nimport time"),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_elsewhere_is_seen(tmp_path: Path, name: str) -> None:
    assert_seen(tmp_path, APP, *CHANGES[name])


def assert_seen(root: Path, files: dict[str, str], path: str, old: str, new: str) -> bool:
    """A change of one file and its undoing are seen; whether anything else is found after the change."""
    write(root, files)
    before = check(root)
    assert old in files[path]
    write(root, {path: files[path].replace(old, new)})
    after = check(root)
    assert found_by(after) == found_by(check(root, cached=False))
    write(root, files)
    assert found_by(check(root)) == found_by(before)
    return found_by(after) != found_by(before)


LOOKED_UP = {
    "shop/__init__.py": "",
    "shop/main.py": """\
import importlib
import pkgutil

from fastapi import FastAPI

from shop import api
from shop.verbs import router

app = FastAPI()
app.include_router(router)
for info in pkgutil.iter_modules(api.__path__):
    module = importlib.import_module(f"shop.api.{info.name}")
    app.include_router(module.router, prefix="/api")
""",
    "shop/verbs.py": """\
from functools import partial

from fastapi import APIRouter

router = APIRouter()
drop = partial(router.delete, status_code=200)
""",
    "shop/guards.py": """\
from typing import Annotated

from fastapi import Depends, HTTPException
from fastapi.security import HTTPBasic, HTTPBasicCredentials


def current(credentials: Annotated[HTTPBasicCredentials, Depends(HTTPBasic())]) -> str:
    if credentials.username != "root":
        raise HTTPException(401)
    return credentials.username


def counted() -> int:
    return 1


GUARDS = {"caller": [Depends(current)], "put": [Depends(current)]}
""",
    "shop/runs.py": """\
import subprocess


def listed(text: str) -> str:
    return subprocess.getoutput("ls " + text)


def harmless(text: str) -> str:
    return text


TABLE = {"list": listed, "none": harmless}
""",
    "shop/rows.py": """\
from shop.guards import GUARDS
from shop.runs import TABLE
from shop.verbs import drop, router

ROWS: dict[str, str] = {}


@drop("/rows/{number}", dependencies=GUARDS["caller"])
def drop_row(number: str) -> dict[str, str]:
    return {"dropped": ROWS.pop(number)}


@router.put("/rows/{number}", dependencies=GUARDS["put"])
def put_row(number: str, text: str) -> str:
    ROWS[number] = text
    return text


@router.patch("/rows/{number}", dependencies=GUARDS["caller"])
def touch_row(number: str, text: str) -> str:
    ROWS[number] = text
    return text


@router.get("/runs", dependencies=GUARDS["caller"])
def run(text: str, kind: str) -> str:
    return TABLE[kind](text)
""",
    "shop/api/__init__.py": "",
    "shop/api/one.py": """\
from fastapi import APIRouter

from shop.guards import GUARDS

router = APIRouter()


@router.get("/one/{number}", dependencies=GUARDS["caller"])
def one(number: str) -> str:
    return number


@router.get("/one/{name}", dependencies=GUARDS["caller"])
def other(name: str) -> str:
    return name
""",
}
LOOKED_UP_CHANGES = {
    "a partial gives another status": ("shop/verbs.py", "status_code=200", "status_code=204"),
    "a partial is of another verb": ("shop/verbs.py", "router.delete", "router.put"),
    "an entry of a table is another list": (
        "shop/guards.py",
        '"put": [Depends(current)]',
        '"put": [Depends(counted)]',
    ),
    "a table has another function": ("shop/runs.py", '"list": listed', '"list": harmless'),
    "a package is gone through no more": ("shop/main.py", "api.__path__", "[]"),
    "a module of a package has another router": ("shop/api/one.py", "router = APIRouter()", "router = None"),
}  # fmt: skip


@pytest.mark.parametrize("name", LOOKED_UP_CHANGES)
def test_a_change_of_what_is_looked_up_is_seen(tmp_path: Path, name: str) -> None:
    assert assert_seen(tmp_path, LOOKED_UP, *LOOKED_UP_CHANGES[name])


LAB = {
    "lab/__init__.py": "",
    "lab/main.py": """\
from fastapi import FastAPI

from lab.tests import routes
from lab.plain import add

app = FastAPI()
app.include_router(routes.router)
""",
    "lab/plain.py": "def add(a, b):\n    return a + b\n",
    "lab/tests/__init__.py": "",
    "lab/tests/routes.py": """\
from fastapi import APIRouter

from lab.tests.samples import taken

router = APIRouter()


@router.get("/samples")
async def read_samples():
    return taken()
""",
    "lab/tests/samples.py": "import time\n\n\ndef taken():\n    time.sleep(5)\n    return []\n",
    "lab/tests/test_samples.py": "from lab.tests.samples import taken\n\n\nasync def test_taken():\n    taken()\n",
}
LAB_CHANGES = {
    "nobody imports a folder called like tests": ("lab/main.py", "from lab.tests import", "from lab.exams import"),
    "the application turns out to be tests": ("lab/tests/routes.py", "from fastapi", "import pytest\nfrom fastapi"),
    "another one comes along": ("lab/tests/samples.py", "import time", "import time\nimport lab.tests.test_samples"),
    "it is imported no further": ("lab/tests/routes.py", "from lab.tests.samples", "from lab.samples"),
}  # fmt: skip


@pytest.mark.parametrize("name", LAB_CHANGES)
def test_who_imports_tests_is_seen(tmp_path: Path, name: str) -> None:
    assert assert_seen(tmp_path, LAB, *LAB_CHANGES[name]) or name == "another one comes along"


TOOLS = {
    "tools/run.py": """\
from fastapi import FastAPI
from jobs.waiting import wait

app = FastAPI()


@app.get("/")
async def run():
    wait()
""",
    "first/jobs/waiting.py": "import time\n\n\ndef wait():\n    time.sleep(5)\n",
}
WAITING = {
    "tests/inner/test_waiting.py": "import pytest\n\n\nasync def test_waiting(app):\n    assert app\n",
    "tests/inner/conftest.py": "def pytest_collection_modifyitems(items):\n    items.clear()\n",
}
STORES = {"shop/store/__init__.py": "def slow():\n    return 1\n", "shop/store/inner.py": APP["shop/store.py"]}
COMING: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {
    "a module that is imported": (APP, ("shop/store.py",)),
    "a module of a router": (APP, ("shop/users.py",)),
    "two modules that import each other": (APP, ("shop/db.py", "shop/names.py")),
    "the marker of a package": (APP, ("shop/__init__.py",)),
    "a package in the place of a module": ({**APP, **STORES}, tuple(STORES)),
    "what a script means": (APP | TOOLS, ("first/jobs/waiting.py",)),
    "a second module of a name": (
        {**APP, **TOOLS, "second/jobs/waiting.py": "def wait():\n    pass\n"},
        ("second/jobs/waiting.py",),
    ),
    "a marker that hides a module": ({**APP, **TOOLS, "first/__init__.py": ""}, ("first/__init__.py",)),
    "what imports a folder called like tests": (LAB, ("lab/main.py",)),
    "a folder called like tests": (LAB, ("lab/tests/__init__.py", "lab/tests/routes.py", "lab/tests/samples.py")),
    "hooks for a test": (APP | WAITING, ("tests/inner/conftest.py",)),
    "a module of a package that is gone through": (LOOKED_UP, ("shop/api/one.py",)),
    "a package that is gone through": (LOOKED_UP, ("shop/api/__init__.py",)),
    "a module with nothing in it": ({**APP, "shop/empty.py": ""}, ("shop/empty.py",)),
}


@pytest.mark.parametrize("name", COMING)
def test_files_that_come_and_go_are_seen(tmp_path: Path, name: str) -> None:
    files, coming = COMING[name]
    write(tmp_path, {path: text for path, text in files.items() if path not in coming})
    check(tmp_path)
    write(tmp_path, {path: files[path] for path in coming})
    there = found_by(check(tmp_path))
    assert there == found_by(check(tmp_path, cached=False))
    shutil.rmtree(tmp_path / ".fastapi_lint_cache")
    check(tmp_path)
    for path in coming:
        (tmp_path / path).unlink()
    assert found_by(check(tmp_path)) == found_by(check(tmp_path, cached=False))
    write(tmp_path, {path: files[path] for path in coming})
    assert found_by(check(tmp_path)) == there


def test_a_new_file_wakes_those_alone_who_look_its_name_up(tmp_path: Path, judged: set[tuple[str, str]]) -> None:
    write(tmp_path, {**APP, "shop/late.py": "from shop.fresh import wait\n\n\nasync def late():\n    wait()\n"})
    check(tmp_path)
    judged.clear()
    write(tmp_path, {"shop/fresh.py": "import time\n\n\ndef wait():\n    time.sleep(1)\n", "shop/other.py": "x = 1\n"})
    assert found_by(check(tmp_path)) == found_by(check(tmp_path))
    assert {path for _, path in judged} == {"shop/late.py", "shop/fresh.py", "shop/other.py"}
    judged.clear()
    (tmp_path / "shop/other.py").unlink()
    check(tmp_path)
    assert {path for _, path in judged} == set()


def test_nothing_is_forgotten_while_files_come_and_go(tmp_path: Path) -> None:
    choices = random.Random(9)
    write(tmp_path, APP | TOOLS | WAITING)
    check(tmp_path)
    for _ in range(20):
        path = choices.choice(sorted(tmp_path.rglob("*.py")))
        match choices.randrange(4):
            case 0:
                path.unlink()
            case 1:
                path.rename(
                    path.with_name(f"{choices.choice(['names', 'store', 'waiting', 'conftest', '__init__'])}.py")
                )
            case 2:
                shutil.copyfile(path, choices.choice(sorted(tmp_path.rglob("*.py"))).parent / "waiting.py")
            case _:
                write(tmp_path, APP)
        assert found_by(check(tmp_path)) == found_by(check(tmp_path, cached=False))


def test_a_module_that_nobody_reads_is_judged_alone(tmp_path: Path, judged: set[tuple[str, str]]) -> None:
    write(tmp_path, APP)
    check(tmp_path)
    judged.clear()
    write(tmp_path, {"shop/plain.py": APP["shop/plain.py"] + "\n\ndef subtract(a, b):\n    return a - b\n"})
    check(tmp_path)
    assert {path for _, path in judged} == {"shop/plain.py"}


def test_only_rules_that_read_it_judge_those_who_use_it(tmp_path: Path, judged: set[tuple[str, str]]) -> None:
    write(tmp_path, APP)
    check(tmp_path)
    everything = set(judged)
    judged.clear()
    write(tmp_path, {"shop/store.py": APP["shop/store.py"].replace("time.sleep(3)", "time.sleep(4)")})
    check(tmp_path)
    again = {code for code, path in judged if path == "shop/items.py"}
    assert "FAPI102" in again
    assert again < {code for code, path in everything if path == "shop/items.py"}
    assert not {path for _, path in judged} & {"shop/users.py", "shop/db.py", "shop/plain.py"}


def test_nothing_is_forgotten_over_many_changes(tmp_path: Path) -> None:
    assert_same_after_changes(tmp_path, APP, random.Random(8), [1] * 25)


def assert_same_after_changes(root: Path, files: dict[str, str], choices: random.Random, rounds: Sequence[int]) -> None:
    """Each round makes so many changes and compares a run that has a snapshot with one that has none."""
    write(root, files)
    check(root)
    for times in rounds:
        for _ in range(times):
            path = choices.choice(sorted(files))
            text = (root / path).read_text(encoding="utf-8", errors="replace")
            write(root, {path: changed(text, choices)})
        assert found_by(check(root)) == found_by(check(root, cached=False))


def changed(text: str, choices: random.Random) -> str:
    """A text with a small change, which may break it."""
    lines = text.split("\n")
    at = choices.randrange(len(lines))
    match choices.randrange(6):
        case 0:
            return "\n".join([*lines[:at], "", *lines[at:]])
        case 1:
            return "\n".join(lines[:at] + lines[at + 1 :])
        case 2:
            return text + '\n\n@router.get("/new")\nasync def new():\n    import time\n\n    time.sleep(2)\n'
        case 3:
            names = re.findall(r"(?:def|class) (\w+)", text) or ["x"]
            name = choices.choice(names)
            return re.sub(rf"\b{name}\b", f"{name}_", text)
        case 4:
            return re.sub(r"\basync def", "def", text, count=1)
        case _:
            return re.sub(r"(?<!async )\bdef (?!_)", "async def ", text, count=1)


@pytest.mark.slow
@pytest.mark.parametrize("folder", sorted(path.parent for path in FIXTURES.glob("*/bad.py")), ids=lambda f: f.name)
def test_fixtures_change(tmp_path: Path, folder: Path) -> None:
    texts = {
        path.relative_to(folder).as_posix(): path.read_bytes().decode("utf-8", "replace")
        for path in sorted(folder.rglob("*.py"))
        if not path.stem.endswith(("fixed", ".fixed"))  # the same once more
    }
    assert_same_after_changes(tmp_path, texts, random.Random(folder.name), [1, 2])


def test_processes_build_upon_it_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fastapi_lint.run import indexing

    monkeypatch.setattr(indexing, "WORTH_PROCESSES", 1)
    write(tmp_path, APP)
    check(tmp_path, jobs=2)
    write(tmp_path, {"shop/store.py": APP["shop/store.py"].replace("time.sleep(3)", "pass")})
    assert found_by(check(tmp_path, jobs=2)) == found_by(check(tmp_path, cached=False))
    write(tmp_path, {"shop/names.py": APP["shop/names.py"].replace("'/all'", "'/'")})
    assert found_by(check(tmp_path)) == found_by(check(tmp_path, cached=False))


def test_a_damaged_snapshot_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path, APP)
    check(tmp_path)
    (kept,) = (tmp_path / ".fastapi_lint_cache").glob("snapshot-*.bin")
    kept.write_bytes(kept.read_bytes()[:-20])
    write(tmp_path, {"shop/names.py": "ITEMS = '/'\n"})
    after = check(tmp_path)
    assert found_by(after) == found_by(check(tmp_path, cached=False))
    assert any("damaged" in notice.message for notice in after.notices)


def test_a_rule_that_failed_leaves_no_snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(function: Function, check: Check) -> Iterator[Finding]:
        raise ValueError("on purpose")

    write(tmp_path, APP)
    with monkeypatch.context() as patched:
        rule = next(rule for rule in run.rules() if rule.code == "FAPI102")
        patched.setattr(rule, "judge", fails)
        assert check(tmp_path).notices
    assert not list((tmp_path / ".fastapi_lint_cache").glob("snapshot-*.bin"))
    assert found_by(check(tmp_path)) == found_by(check(tmp_path, cached=False))


def test_fixes_build_upon_the_round_before(tmp_path: Path) -> None:
    write(tmp_path, APP)
    settings = Settings(root=tmp_path, select=("all",))
    fixed = run.check(run.Request(tmp_path, (tmp_path,), settings, fix=True, unsafe_fixes=True))
    assert fixed.changed_files
    assert found_by(fixed) == found_by(check(tmp_path, cached=False))
