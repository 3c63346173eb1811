"""The cache: what it keeps, when it is used, and that nothing wrong with it changes a finding."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastapi_lint.config.settings import CACHE_DIRECTORY, Settings
from fastapi_lint.files.source import Source
from fastapi_lint.finding import Finding, Notice
from fastapi_lint.incremental.redaction import Redacted, Result
from fastapi_lint.incremental.reuse import Reuse
from fastapi_lint.index.build import build
from fastapi_lint.index.facts import Facts
from fastapi_lint.run import cache, indexing, session, workers
from fastapi_lint.run import story as run
from fastapi_lint.run.cache import Store, digest
from fastapi_lint.run.indexing import index_texts
from fastapi_lint.run.judging import Judgement
from fastapi_lint.run.registry import RuleRow, RuleTable

MAIN = """\
from fastapi import FastAPI
from .items import router

app = FastAPI()
app.include_router(router, prefix="/items")


@app.get("/wait")
async def wait():
    helper()


def helper():
    import time
    time.sleep(1)
"""
ITEMS = """\
import time
from fastapi import APIRouter, Depends, Query
from .session import current

router = APIRouter()


@router.get("/{item_id}")
async def read(item_id: int, q: str = Query(None), user=Depends(current)):
    time.sleep(1)
    return {}
"""
SESSION = """\
def current():
    return 1
"""
FILES = {"app/__init__.py": "", "app/main.py": MAIN, "app/items.py": ITEMS, "app/session.py": SESSION}


def write(root: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write(tmp_path, FILES)
    return tmp_path


ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(cache.__file__).resolve().parents[1])}


def check(root: Path, *, cached: bool = True, select: Sequence[str] = ("recommended",), jobs: int = 1) -> run.Outcome:
    asked = Settings(root=root, select=tuple(select))
    return run.check(run.Request(root=root, paths=(), settings=asked, cache=cached, jobs=jobs))


def found(outcome: run.Outcome) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    return outcome.findings, outcome.suppressed


def kept_bytes(root: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted((root / CACHE_DIRECTORY).iterdir()))


# -------------------------------------------------------------------- a second run


def test_a_second_run_analyses_nothing(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = check(project)
    assert {finding.code for finding in first.findings} >= {"FAPI101", "FAPI201"}
    monkeypatch.setattr(session.Session, "_judgement", lambda self: pytest.fail("analysed again"))
    second = check(project)
    assert found(second) == found(first)
    assert second.notices == first.notices == ()


def test_a_second_run_imports_no_parser(project: Path) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "fastapi_lint", "--output-format", "json", str(project)]
    loaded = []
    for _ in range(2):
        done = subprocess.run(command, cwd=project, env=ENVIRONMENT, capture_output=True, text=True)
        assert done.returncode == 1, done.stderr
        names = {line.rpartition("|")[2].strip().split(".")[0] for line in done.stderr.splitlines()}
        loaded.append((names & {"libcst", "tree_sitter", "rich"}, done.stdout))
    assert loaded[0][0] >= {"libcst", "tree_sitter"}
    assert loaded[1] == (set(), loaded[0][1])


def test_one_changed_file_is_indexed_alone(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check(project)
    indexed = []
    original = indexing._facts_of

    def counted(source: Source) -> Facts:
        indexed.append(source.path)
        return original(source)

    monkeypatch.setattr(indexing, "_facts_of", counted)
    write(project, {"app/session.py": "async def current():\n    return 2\n"})
    changed = check(project)
    assert indexed == ["app/session.py"]
    assert found(changed) == found(check(project, cached=False))


def test_what_a_result_depends_on_is_part_of_its_key(project: Path) -> None:
    everything = check(project)
    fewer = check(project, select=("FAPI201",))
    assert {finding.code for finding in fewer.findings} == {"FAPI201"}
    assert found(check(project)) == found(everything)
    only = run.check(run.Request(project, (project / "app/main.py",), Settings(root=project)))
    assert {finding.path for finding in only.findings} <= {"app/main.py"}
    ignoring = Settings(root=project, per_file_ignores={"app/items.py": ("FAPI201",)})
    silenced = run.check(run.Request(project, (), ignoring))
    assert "FAPI201" not in {finding.code for finding in silenced.findings}


def test_results_change_with_the_program(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check(project)
    monkeypatch.setattr(cache, "program", lambda: b"another")
    analysed = []
    original = session.Session._judgement

    def counted(self: session.Session) -> tuple[Judgement, Reuse | None]:
        analysed.append(1)
        return original(self)

    monkeypatch.setattr(session.Session, "_judgement", counted)
    again = check(project)
    assert analysed == [1]
    assert again.notices == ()


LINES = st.sampled_from([
    "import time", "from fastapi import Query, Depends", "from .items import router", "from .session import current",
    "from . import session", "async def load(user=Depends(current)): time.sleep(1)", "def current(): return 1",
    "async def current(): time.sleep(2)", "x = Query(None)", "router = None", "def broken(:", "password = 'hunter2!x'",
    "@router.get('/a/{b}')", "async def get(c: int = Query(1)): session.current()", "", "# noqa",
    "# fastapi-lint: ignore-file",
])  # fmt: skip
EDIT = st.tuples(st.sampled_from([*FILES, "app/extra.py", "requirements.txt"]), st.lists(LINES, max_size=5))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(edits=st.lists(st.tuples(EDIT, st.booleans()), min_size=1, max_size=4))
def test_cached_findings_are_those_of_a_first_run(
    tmp_path_factory: pytest.TempPathFactory, edits: list[tuple[tuple[str, list[str]], bool]]
) -> None:
    root = tmp_path_factory.mktemp("project")
    write(root, FILES)
    check(root)
    for (path, lines), whole in edits:
        text = "\n".join(lines) + "\n"
        write(root, {path: text if whole or path.endswith(".txt") else FILES.get(path, "") + text})
        assert found(check(root)) == found(check(root, cached=False))
        assert found(check(root)) == found(check(root, cached=False))


# -------------------------------------------------------------------- what is wrong with a cache


@pytest.mark.parametrize("damage", [b"", b"fastapi-lint cache 1\n", b"\0" * 100, b"fastapi-lint cache 1\n" + b"x" * 50])
def test_a_damaged_cache_is_ignored_with_one_notice(project: Path, damage: bytes) -> None:
    first = check(project)
    for path in (project / CACHE_DIRECTORY).iterdir():
        path.write_bytes(damage)
    second = check(project)
    assert found(second) == found(first)
    assert len(second.notices) == 1
    assert "damaged" in second.notices[0].message
    assert check(project).notices == ()


def test_a_truncated_cache_is_ignored(project: Path) -> None:
    first = check(project)
    for path in (project / CACHE_DIRECTORY).iterdir():
        path.write_bytes(path.read_bytes()[:-1])
    assert found(check(project)) == found(first)


def test_data_of_another_shape_is_ignored(project: Path) -> None:
    first = check(project)
    store = Store(project)
    for path in (project / CACHE_DIRECTORY).glob("facts-*.bin"):
        store._write(path, cache._indexer(), msgspec.msgpack.encode({b"key": "not an entry"}))
    write(project, {"app/extra.py": "x = 1\n"})
    second = check(project)
    assert found(second) == found(first)
    assert len(second.notices) == 1


def test_facts_of_another_shape_are_made_again(project: Path) -> None:
    store = Store(project)
    texts = [text.encode() for text in FILES.values()]
    store.keep_facts(((digest(text), b"\x93\x01\x02\x03") for text in texts), set())
    assert found(check(project)) == found(check(project, cached=False))


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX")
def test_a_cache_that_cannot_be_written_gives_one_notice(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> tuple[int, str]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "mkstemp", full)
    outcome = check(project)
    assert [notice.message for notice in outcome.notices] == [
        "the cache '.fastapi_lint_cache' is not used: No space left on device"
    ]
    assert found(outcome) == found(check(project, cached=False))


def test_a_file_in_the_place_of_the_cache_gives_one_notice(project: Path) -> None:
    (project / CACHE_DIRECTORY).write_text("mine")
    outcome = check(project)
    assert len(outcome.notices) == 1
    assert (project / CACHE_DIRECTORY).read_text() == "mine"


def test_a_link_is_not_followed(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (project / CACHE_DIRECTORY).symlink_to(outside)
    assert len(check(project).notices) == 1
    assert list(outside.iterdir()) == []


def test_without_cache_nothing_is_written(project: Path) -> None:
    check(project, cached=False)
    assert not (project / CACHE_DIRECTORY).exists()


def test_two_runs_at_once_leave_a_whole_cache(project: Path) -> None:
    command = [sys.executable, "-m", "fastapi_lint", "--output-format", "json", str(project)]
    both = [
        subprocess.Popen(command, cwd=project, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    said = [process.communicate() for process in both]
    assert said[0] == said[1]
    assert said[0][1] == b""
    assert check(project).notices == ()
    assert not list((project / CACHE_DIRECTORY).glob(".new-*"))


# -------------------------------------------------------------------- what it holds


def test_the_cache_hides_from_git_and_backups(project: Path) -> None:
    check(project)
    folder = project / CACHE_DIRECTORY
    assert (folder / ".gitignore").read_text() == "*\n"
    assert (folder / "CACHEDIR.TAG").read_bytes().startswith(b"Signature: 8a477f597d28d172789f06886806bc55")
    if os.name != "nt":
        assert {stat.S_IMODE(path.stat().st_mode) for path in folder.glob("*.bin")} == {0o600}


TOKEN = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"


@pytest.mark.parametrize(
    ("secret", "text"),
    [
        ("s3cr3t-Passw0rd", 'db_password = "s3cr3t-Passw0rd"\n'),
        ("hunter2hunter", 'DATABASE_URL = "postgresql://admin:hunter2hunter@db.internal/app"\n'),
        (TOKEN, f'x = "{TOKEN}"\n'),
        ("k9J2mQ7xW4", 'import os\nkey = os.getenv("SECRET_KEY", "k9J2mQ7xW4pL8vN3")\n'),
    ],
)
@pytest.mark.parametrize("select", [("recommended",), ("FAPI201",)])
def test_secrets_are_not_kept(project: Path, secret: str, text: str, select: tuple[str, ...]) -> None:
    path = "app/tests/test_x.py" if secret == TOKEN else "app/config.py"
    router = '\n\n@router.get("/x")\nasync def get(q: str = Query("SECRET")): ...\n'.replace("SECRET", secret)
    write(project, {path: f"from fastapi import APIRouter, Query\nrouter = APIRouter()\n{text}{router}"})
    cold = check(project, select=select)
    assert secret.encode() not in kept_bytes(project)
    assert b"current" in kept_bytes(project)  # the others are kept
    assert list((project / CACHE_DIRECTORY).glob("run-*.bin"))
    assert check(project, select=select).findings == cold.findings


def test_facts_not_used_for_long_are_dropped(tmp_path: Path) -> None:
    def key(number: int) -> bytes:
        return bytes([16 * (number % 16)]) + digest(str(number).encode())[1:]

    Store(tmp_path).keep_facts([(key(0), b"old")], set())
    for number in range(1, 40):
        store = Store(tmp_path)
        if number < 20:
            assert store.facts(key(0)) == b"old"
        store.keep_facts([(key(number), b"new")], {key(0), key(number)} if number < 20 else {key(number)})
    assert Store(tmp_path).facts(key(0)) is None
    assert Store(tmp_path).facts(key(39)) == b"new"


def test_only_the_newest_results_are_kept(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for number in range(60):
        store.keep_result(digest(str(number).encode()), Redacted(Result((), (), (Notice(str(number)),)), ()))
    kept = list((tmp_path / CACHE_DIRECTORY).glob("run-*.bin"))
    assert 0 < len(kept) <= 24


def test_rules_are_known_from_the_cache_around(tmp_path: Path) -> None:
    table = RuleTable((RuleRow("FAPI001", "one", "recommended", options={"a": ("b",)}),), ())
    Store(tmp_path).keep_rules(table)
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    assert cache.stored_rules(inner, RuleTable) == table


# -------------------------------------------------------------------- processes


def test_processes_give_the_same_findings(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(project, {f"app/part{i}.py": ITEMS + "\n" * i for i in range(12)})
    write(project, {"app/bad.py": "def broken(:\n"})
    alone = check(project, cached=False)
    monkeypatch.setattr(indexing, "WORTH_PROCESSES", 1)
    monkeypatch.setattr(indexing, "_QUESTION", 600)
    for jobs in (2, 3):
        assert found(check(project, cached=False, jobs=jobs)) == found(alone)


def _upper(question: bytes) -> bytes:
    return question.upper()


def _dies(question: bytes) -> bytes:
    if question == b"3":
        os._exit(9)
    return question


def test_answers_come_in_order() -> None:
    questions = [f"q{i}".encode() for i in range(50)]
    assert list(workers.answers(_upper, questions, 3)) == [question.upper() for question in questions]


def test_processes_that_share_nothing_answer_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "can_inherit", lambda: False)
    texts = [b"x = 1\n", b"def f(): ...\n"]
    (answer,) = workers.answers(index_texts, [msgspec.msgpack.encode(texts)], 1)
    made = [msgspec.msgpack.decode(each, type=Facts) for each in msgspec.msgpack.decode(answer, type=list[bytes])]
    assert made == [build(text) for text in texts]


def test_a_killed_process_ends_the_run() -> None:
    with pytest.raises(workers.WorkerDied, match="ended early"):
        list(workers.answers(_dies, [str(i).encode() for i in range(8)], 2))
