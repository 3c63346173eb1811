"""Whatever ends or disturbs a run: every file has its old content or its new one, and exit code 2 comes with why."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hooked import contents, run

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals, forks and limits of POSIX")

ENDPOINTS = """\
from fastapi import Depends, FastAPI

app = FastAPI()


def get_value() -> int:
    return 1


@app.get("/{name}")
def read(value: int = Depends(get_value)) -> int:
    return value
"""
NAMES = ("a.py", "b.py", "c.py")
INTERRUPTED = "\ninterrupted: every file has its old content or its new one\n"
"""The empty line comes after the `^C` that a terminal shows."""
FIX = ("--fix", "--select", "FAPI201,FAPI101", "--quiet", "--output-format", "concise")


def make_project(root: Path) -> Path:
    root.mkdir()
    (root / "pyproject.toml").write_text("[project]\nname = 'x'\n", encoding="utf-8")
    for name in NAMES:
        (root / name).write_text(ENDPOINTS.replace("{name}", name), encoding="utf-8")
    return root


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_project(tmp_path / "project")


@pytest.fixture(scope="module")
def fixed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What a run that nothing disturbs makes of the files of the project."""
    root = make_project(tmp_path_factory.mktemp("undisturbed") / "project")
    done = run(root, *FIX, "--no-cache")
    assert (done.returncode, done.stderr) == (0, "")
    after = contents(root)
    assert all(b"Annotated[int, Depends(get_value)]" in after[name] for name in NAMES)
    return after


def assert_whole(root: Path, old: dict[str, bytes], new: dict[str, bytes]) -> int:
    """No file is missing, new, or half of anything; how many have their new content."""
    now = contents(root)
    assert now.keys() == old.keys(), "no file is missing, and no temporary one is left"
    assert all(now[name] in (old[name], new[name]) for name in now)
    assert not list(root.glob(".fastapi_lint_cache/.new-*"))
    return sum(now[name] != old[name] for name in now)


MOMENTS = {
    "discovery": ("fastapi_lint.run.discovery:discover", 1, 0),
    "reading": ("fastapi_lint.run.disk:read", 1, 0),
    "index": ("fastapi_lint.run.indexing:_facts_of", 2, 0),
    "rules": ("fastapi_lint.engine:check", 1, 0),
    "fixing": ("fastapi_lint.fixing.fixer:advance", 2, 0),
    "rules again": ("fastapi_lint.engine:check", 2, 0),
    "cache": ("fastapi_lint.run.cache:Store._write", 1, 0),
    "cache file": ("os:fdopen", 2, 0),
    "first file": ("fastapi_lint.files.writing:write", 1, 0),
    "its temporary file": ("os:write", 1, 0),
    "its flushing": ("os:fsync", 1, 0),
    "its mode": ("pathlib:Path.chmod", 1, 0),
    "its replacing": ("fastapi_lint.files.writing:_holds", 2, 0),
    "its folder": ("fastapi_lint.files.writing:_flush", 1, 1),
    "second file": ("fastapi_lint.files.writing:write", 2, 1),
    "report": ("fastapi_lint.cli.check:_report", 1, 3),
    "output": ("fastapi_lint.cli.terminal:write", 1, 3),
}


@pytest.mark.parametrize(
    ("moment", "name"),
    [
        *((moment, "SIGINT") for moment in MOMENTS),
        *((moment, name) for moment in ("rules", "its flushing") for name in ("SIGTERM", "SIGHUP")),
    ],
)
def test_a_signal_at_any_moment(project: Path, fixed: dict[str, bytes], moment: str, name: str) -> None:
    where, nth, written = MOMENTS[moment]
    old = contents(project)
    done = run(project, *FIX, hooks=f"at({where!r}, lambda: send(signal.{name}), nth={nth})\n")
    assert done.stderr == INTERRUPTED
    assert done.returncode == 2
    assert assert_whole(project, old, fixed) == written
    again = run(project, *FIX)
    assert (again.returncode, again.stderr) == (0, "")
    assert contents(project) == fixed, "the next run does the rest"


def test_a_signal_that_somebody_had_ignored_stays_ignored(project: Path, fixed: dict[str, bytes]) -> None:
    hooks = "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
    done = run(project, *FIX, hooks=f"{hooks}at('fastapi_lint.files.writing:write', lambda: send(signal.SIGHUP))\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert contents(project) == fixed


POOL = "import fastapi_lint.run.indexing\nfastapi_lint.run.indexing.WORTH_PROCESSES = 1\n"
STAGES = {"indexing": "fastapi_lint.run.indexing:index_texts", "checking": "fastapi_lint.engine:check"}


@pytest.mark.skipif("sys.platform != 'linux'", reason="only forked processes inherit the hooks")
@pytest.mark.parametrize("stage", STAGES)
def test_a_process_of_the_pool_is_killed(project: Path, stage: str) -> None:
    old = contents(project)
    hooks = f"{POOL}at({STAGES[stage]!r}, lambda: send(signal.SIGKILL), inside_worker=True)\n"
    done = run(project, *FIX, "--jobs", "2", hooks=hooks)
    assert done.returncode == 2
    message = "error: a worker process ended early (killed, or out of memory); nothing was written; try --jobs 1\n"
    assert done.stderr == message
    assert done.stdout == ""
    assert assert_whole(project, old, old) == 0


@pytest.mark.skipif("sys.platform != 'linux'", reason="only forked processes inherit the hooks")
@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_to_the_whole_group_of_processes(
    project: Path, fixed: dict[str, bytes], stage: str, name: str
) -> None:
    """Ctrl-C reaches the processes of the pool as well: one message comes, not one from each of them."""
    hooks = f"""{POOL}os.setsid()
at({STAGES[stage]!r}, lambda: os.killpg(0, signal.{name}), inside_worker=True)
"""
    old = contents(project)
    done = run(project, *FIX, "--jobs", "2", hooks=hooks)
    assert done.stderr == INTERRUPTED or done.stderr.startswith("error: a worker process ended early")
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.returncode == 2
    assert assert_whole(project, old, fixed) == 0


@pytest.mark.skipif("sys.platform != 'linux'", reason="only forked processes inherit the hooks")
def test_the_pool_gives_what_one_process_gives(project: Path, fixed: dict[str, bytes]) -> None:
    done = run(project, *FIX, "--jobs", "2", hooks=POOL)
    assert (done.returncode, done.stderr) == (0, "")
    assert contents(project) == fixed


def other(project: Path) -> str:
    """What the other run said, which is then forgotten."""
    said = (project / "other.txt").read_text(encoding="utf-8")
    (project / "other.txt").unlink()
    return said


@pytest.mark.parametrize("moment", ["fastapi_lint.engine:check", "fastapi_lint.run.cache:Store._write"])
def test_two_runs_at_once(project: Path, moment: str) -> None:
    arguments = ("--select", "FAPI201", "--output-format", "concise", "--quiet")
    alone = run(project, *arguments, "--no-cache")
    assert alone.returncode == 1
    done = run(project, *arguments, hooks=f"at({moment!r}, lambda: lint(*{arguments!r}))\n")
    assert (done.returncode, done.stdout, done.stderr) == (1, alone.stdout, "")
    assert other(project) == f"1 {alone.stdout} "
    cached = run(project, *arguments)
    assert (cached.returncode, cached.stdout, cached.stderr) == (1, alone.stdout, "")


def test_another_run_fixes_the_same_meanwhile(project: Path, fixed: dict[str, bytes]) -> None:
    done = run(project, *FIX, hooks=f"at('fastapi_lint.files.writing:write', lambda: lint(*{FIX!r}))\n")
    assert other(project).startswith("0 ")
    assert (done.returncode, done.stderr) == (0, "")
    assert contents(project) == fixed


def test_another_run_fixes_something_else_meanwhile(project: Path, fixed: dict[str, bytes]) -> None:
    (project / "b.py").write_text(
        f"import time\n{ENDPOINTS}\n\n@app.get('/wait')\nasync def wait() -> None:\n    time.sleep(1)\n",
        encoding="utf-8",
    )
    again = "lint('--fix', '--unsafe-fixes', '--select', 'FAPI101', 'b.py')"
    hooks = f"at('fastapi_lint.files.writing:write', lambda: {again})\n"
    done = run(project, "--fix", "--select", "FAPI201", hooks=hooks)
    assert other(project).startswith("0 ")
    assert done.returncode == 2
    assert "error: b.py: not fixed: " in done.stderr
    assert "the file has changed since it was read" in done.stderr
    now = contents(project)
    assert b"await asyncio.sleep(1)" in now["b.py"], "what the other run did is not lost"
    assert b"Annotated" not in now["b.py"]
    assert (now["a.py"], now["c.py"]) == (fixed["a.py"], fixed["c.py"])


def test_another_run_comes_between_comparing_and_replacing(project: Path, fixed: dict[str, bytes]) -> None:
    done = run(project, *FIX, "a.py", hooks=f"at('pathlib:Path.chmod', lambda: lint(*{FIX!r}, 'a.py'))\n")
    said = other(project)
    assert said.startswith("2 ")
    assert "error: a.py: not fixed: a.py: not written: another process is changing the file" in said.replace(
        f"{project}/", ""
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert contents(project)["a.py"] == fixed["a.py"]


BETWEEN = "fastapi_lint.fixing.fixer:converge"
"""After the files were read, before one is written."""


@pytest.mark.parametrize(
    ("hooks", "reason"),
    [
        ("", "the file is read-only"),
        (f"at({BETWEEN!r}, Path('b.py').unlink)\n", "the file has vanished since it was read"),
        (f"at({BETWEEN!r}, lambda: Path('b.py').write_text('x = 1'))\n", "the file has changed since it was read"),
        (
            "import resource\nat('fastapi_lint.files.writing:write', lambda: resource.setrlimit("
            "resource.RLIMIT_FSIZE, (500, resource.RLIM_INFINITY)))\n",
            "File too large",
        ),
    ],
    ids=["read-only", "vanished", "edited", "full"],
)
def test_one_file_that_cannot_be_written(project: Path, fixed: dict[str, bytes], hooks: str, reason: str) -> None:
    if reason == "File too large":  # the others stay below the limit
        with (project / "b.py").open("a", encoding="utf-8") as file:
            file.write(f"\n# {'long ' * 100}\n")
    if not hooks:
        (project / "b.py").chmod(0o444)
    old = contents(project)
    done = run(project, *FIX, "--no-cache", hooks=hooks)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("error: b.py: not fixed: ")
    assert reason in done.stderr
    now = contents(project)
    assert (now["a.py"], now["c.py"]) == (fixed["a.py"], fixed["c.py"]), "the others are fixed"
    expected = {"vanished": None, "changed": b"x = 1"}
    key = next((word for word in expected if word in reason), None)
    assert now.get("b.py") == (expected[key] if key else old["b.py"])
    assert set(now) <= set(old), "no temporary file is left"


def test_a_folder_without_room_for_anything(project: Path) -> None:
    """Every file gets its message, and so does the cache; what was there stays."""
    hooks = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))\n"
    old = contents(project)
    done = run(project, *FIX[:-3], hooks=hooks)
    assert done.returncode == 2
    for name in NAMES:
        assert f"error: {name}: not fixed: " in done.stderr
    assert "the cache '.fastapi_lint_cache' is not used: File too large" in done.stderr
    assert "Traceback" not in done.stderr
    assert contents(project) == old


KNOWN = '{"tool": "fastapi-lint", "version": 1, "findings": []}'


@pytest.mark.parametrize("name", ["report.json", "baseline.json"])
def test_a_report_that_cannot_be_written_leaves_the_old_one(project: Path, name: str) -> None:
    (project / name).write_text(KNOWN, encoding="utf-8")
    option = {"report.json": "--output-file", "baseline.json": "--write-baseline"}[name]
    hooks = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (20, resource.RLIM_INFINITY))\n"
    old = contents(project)
    done = run(project, "--no-cache", "--select", "FAPI201", option, name, hooks=hooks)
    assert done.returncode == 2
    assert f"{name}: " in done.stderr
    assert "cannot be written: File too large" in done.stderr
    assert contents(project) == old


@pytest.mark.parametrize("option", ["--output-file", "--write-baseline"])
def test_an_interrupted_report_leaves_the_old_one(project: Path, option: str) -> None:
    (project / "report.json").write_text(KNOWN, encoding="utf-8")
    old = contents(project)
    hooks = "at('pathlib:Path.chmod', lambda: send(signal.SIGTERM))\n"
    done = run(project, "--no-cache", "--select", "FAPI201", option, "report.json", hooks=hooks)
    assert done.returncode == 2
    assert "interrupted" in done.stderr
    assert contents(project) == old


def test_a_rule_that_raises_is_exit_code_2_and_hides_nothing(project: Path) -> None:
    """As an internal error is for mypy and Ruff: named, beside all other findings, and never an 'all clear'."""
    hooks = """
from fastapi_lint.rule import Check
make = Check.finding
def finding(self, *arguments, **named):
    if (self.rule.code, self.module.path) == ("FAPI201", "b.py"):
        raise ZeroDivisionError("oops")
    return make(self, *arguments, **named)
Check.finding = finding
"""
    done = run(project, "--no-cache", "--exit-zero", "--select", "FAPI201", "--output-format", "concise", hooks=hooks)
    assert done.returncode == 2
    assert "error: b.py: FAPI201: rule FAPI201 (parameter-without-annotated) failed with ZeroDivisionError: oops" in (
        done.stderr
    )
    assert "a.py:11:10: FAPI201" in done.stdout
    assert "c.py:11:10: FAPI201" in done.stdout
    done = run(project, "--no-cache", "--select", "FAPI201", "b.py", hooks=hooks)
    assert done.returncode == 2
    assert "All clear" not in done.stdout


def test_fixed_stdin_that_cannot_be_read_comes_back(project: Path) -> None:
    done = run(project, "--fix", "--stdin-filename", "new.py", "-", stdin=b"x = '\xff'\n")
    assert done.returncode == 1
    assert done.stdout == "x = '\ufffd'\n"
    assert "FAPI001" in done.stderr


def test_suppressions_for_a_file_that_cannot_be_read(project: Path) -> None:
    (project / "bad.py").write_bytes(b"# bad\n\nx = '\xff'\n")
    done = run(project, "--add-noqa", "--no-cache", "--select", "FAPI001,FAPI201")
    assert done.returncode == 2
    assert "error: bad.py: no suppression added: not valid utf-8" in done.stderr
    assert all("# noqa: FAPI201" in (project / name).read_text(encoding="utf-8") for name in NAMES)
    assert (project / "bad.py").read_bytes() == b"# bad\n\nx = '\xff'\n"
