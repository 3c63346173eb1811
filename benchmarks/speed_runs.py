"""What `speed.py` measures, and how: costs of commands, copies of trees, changes to them. Prints only progress.

Nothing of the projects is imported or executed, and their configuration is not read.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from resource import RUSAGE_SELF, getrusage

from speed_table import (
    AST,
    BODY,
    CHANGING,
    COLD,
    CONSOLE,
    HEAVY,
    HUB,
    LEAVING,
    LIBCST,
    NOTHING,
    PLAIN,
    ROUTER,
    TWO,
    Cost,
    Project,
    Row,
    StartUp,
)

import fastapi_lint
from fastapi_lint.config.settings import CACHE_DIRECTORY, Settings
from fastapi_lint.run.discovery import discover

LINTER = Path(sys.executable).with_name("fastapi-lint")
PARSE = """
import {0}, pathlib, sys
for path in sorted(pathlib.Path(sys.argv[1]).rglob('*.py*')):
    try:
        {1}
    except Exception:
        pass
"""
PARSERS = {
    LIBCST: [sys.executable, "-I", "-c", PARSE.format("libcst", "libcst.parse_module(path.read_bytes())"), "."],
    AST: [sys.executable, "-I", "-W", "ignore", "-c", PARSE.format("ast", "ast.parse(path.read_bytes())"), "."],
}
OWN_LIMIT = 3600.0
"""Seconds after which our own runs and the parsers are given up."""
SLOW = 20.0
"""A tool that takes more seconds than this is not run again."""
STARTS = 20
NOTHING_SET = "[tool.fixit]\nroot = true\n"
OTHERS = {
    "ruff": (["ruff"], ["check", "--isolated", "--no-cache", "--select", "FAST,ASYNC,S", "--exit-zero", "."]),
    "fastapi-lsp": (["fastapi-lsp"], ["check", "."]),
    "bandit": (["bandit"], ["-q", "-r", ".", "--exit-zero"]),
    "pylint": (["pylint"], [f"--rcfile={os.devnull}", "--persistent=n", "--exit-zero", "--recursive=y", "."]),
    "flake8": (["flake8", "flake8-async"], ["--isolated", "--select", "ASYNC", "--exit-zero", "-j", "1", "."]),
    "fixit": (["fixit"], ["--config-file", "../fixit.toml", "lint", "."]),
}
"""Name: what pip installs, and how it is called; no option that would read a project's configuration or run its code.

Ruff and Fixit use all cores, and have no option that would keep them from it; the others use one."""
DECLARING = re.compile(r"pyproject\.toml|requirements.*\.txt|(uv|poetry|pdm)\.lock|Pipfile(\.lock)?|setup\.cfg")
MADE_ROUTER = re.compile(rb"^(\w+)(?:\s*:\s*[\w.]+)?\s*=\s*(?:\w+\.)?APIRouter\(", re.MULTILINE)
IMPORTED = re.compile(
    rb"^[ \t]*(?:from[ \t]+[\w.]*?|import[ \t]+[\w.]*?|from[ \t]+\.+[ \t]+import[ \t]+)(\w+)\s", re.MULTILINE
)
"""The last name of the module that a statement imports or imports from."""
ASIDE = re.compile(r"(^|/)(conftest|tests?|migrations|alembic)(/|\.|_)|(^|/)test_")
"""Files in which a change is not what a change usually is."""
NO_PLAIN_MODULE = re.compile(rb"APIRouter|FastAPI|Depends|[rR]outer\b")
NEWLINE = b"\n"
ADDED_FUNCTION = """

def added_by_the_benchmark(number: int) -> int:
    return number * 2
"""
ADDED_ROUTE = """

@{0}.get("/added-by-the-benchmark")
async def added_by_the_benchmark(number: int) -> dict[str, int]:
    return {{"doubled": number * 2}}
"""


# --------------------------------------------------------------- one command


def measured(command: Sequence[str], cwd: Path, limit: float = OWN_LIMIT) -> Cost:
    """Run a command once and say what it and its children took. Findings are no problem, a crash or the limit is."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    cut = threading.Event()
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        floor = kib(getrusage(RUSAGE_SELF).ru_maxrss)
        busy_before = machine_cpu()
        started = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=output, stderr=errors, env=environment,
            start_new_session=True,
        )  # fmt: skip

        def give_up() -> None:
            cut.set()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

        timer = threading.Timer(limit, give_up)
        timer.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:  # the user gave up: a session of its own does not hear of that
            timer.cancel()
            give_up()
            raise
        wall = time.perf_counter() - started
        busy_after = machine_cpu()
        timer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        said = errors.read(1_000_000)
        output.seek(0)
        lines = sum(1 for _ in output)
    problem = ""
    if cut.is_set():
        problem = f"cut off after {limit:.0f} s"
    # An interpreter that falls over also ends with 1, and prints nothing: that is no run with findings.
    elif process.returncode not in (0, 1) or (process.returncode == 1 and not lines):
        problem = f"failed with exit code {process.returncode}"
        print(f"{command[0]}: {problem}: {said[-500:].decode(errors='replace')}", file=sys.stderr)
    # The memory of a process that starts another counts as the other's until that one runs its own program.
    memory = kib(usage.ru_maxrss)
    cpu = usage.ru_utime + usage.ru_stime
    elsewhere = None if busy_before is None or busy_after is None else max(0.0, busy_after - busy_before - cpu)
    return Cost(cpu, wall, memory, memory <= floor, lines, elsewhere, 1, problem)


def machine_cpu() -> float | None:
    """The CPU seconds that all programs of this machine took so far, and its host withheld; known on Linux only."""
    if not sys.platform.startswith("linux"):
        return None
    first = Path("/proc/stat").read_text("ascii").partition("\n")[0].split()
    user, nice, system, _, _, irq, soft, stolen = map(int, first[1:9])
    return (user + nice + system + irq + soft + stolen) / os.sysconf("SC_CLK_TCK")


def busy(costs: Sequence[Cost]) -> float | None:
    """How many cores other programs used on average during these runs."""
    known = [cost.elsewhere for cost in costs if cost.elsewhere is not None]
    return sum(known) / sum(cost.wall for cost in costs) if len(known) == len(costs) else None


def kib(maxrss: int) -> int:
    """`ru_maxrss` in KiB: macOS counts it in bytes."""
    return maxrss // 1024 if sys.platform == "darwin" else maxrss


def best(costs: Sequence[Cost]) -> Cost:
    """The least CPU and wall time and the highest peak of several runs; the run with a problem, if there is one."""
    if broken := next((cost for cost in costs if cost.problem), None):
        return broken
    peak = max(costs, key=lambda cost: cost.memory)
    cpu, wall = min(cost.cpu for cost in costs), min(cost.wall for cost in costs)
    return Cost(cpu, wall, peak.memory, peak.floor, costs[0].output, runs=len(costs))


def repeats(lines: int) -> int:
    """How often a tree of this size is measured: small ones vary more, large ones take long."""
    return 5 if lines < 50_000 else 3 if lines < 300_000 else 2


def lint(*options: str) -> list[str]:
    """The command that lints the current folder as a whole, without configuration."""
    return [str(LINTER), "check", ".", "--isolated", "--output-format", "concise", "--quiet", *options]


def lint_to_console() -> list[str]:
    """The same as a user calls it."""
    return [str(LINTER), "check", ".", "--isolated", "-j", "1"]


def imported(cwd: Path) -> tuple[str, ...]:
    """Which of the heavy packages a run that finds its cache imports."""
    command = [sys.executable, "-X", "importtime", *lint("-j", "1")]
    said = subprocess.run(command, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True).stderr
    names = {line.rpartition("|")[2].strip().partition(".")[0] for line in said.splitlines()}
    return tuple(name for name in HEAVY if name in names)


# ------------------------------------------------------------------- the trees


def sources(root: Path) -> tuple[str, ...]:
    """The files of a project that the linter looks at, relative to its folder, in order."""
    found = discover(root, (), Settings(root=root)).files
    return tuple(path for path in found if path.endswith((".py", ".pyi")) and (root / path).is_file())


def copied(root: Path, target: Path) -> tuple[int, int]:
    """Copy the files that count, and those that declare versions; the number of modules and of their lines."""
    files = sources(root)
    lines = 0
    for path in files:
        data = (root / path).read_bytes()
        lines += data.count(b"\n")
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        (target / path).write_bytes(data)
    for folder in {parent for path in files for parent in Path(path).parents if len(parent.parts) < 3}:
        for path_ in (root / folder).iterdir():
            if DECLARING.fullmatch(path_.name) and path_.is_file():
                shutil.copyfile(path_, target / folder / path_.name)
    (target / ".git").mkdir(parents=True)  # so that this folder is the root, wherever it lies
    return len(files), lines


@dataclass(frozen=True)
class Change:
    """A file and its text before and after; `text` is what the report says about it."""

    path: Path
    before: bytes
    after: bytes
    text: str


def changes(folder: Path) -> Iterator[tuple[str, Change]]:
    """The plain module and the router nearest to the middle of the tree (by path), each with a function more.

    Both are modules that others import, going by their names.
    """
    paths = sources(folder)
    imports = {name: frozenset(IMPORTED.findall((folder / name).read_bytes())) for name in paths}
    near = sorted(range(len(paths)), key=lambda index: (abs(index - len(paths) // 2), index))
    missing = {PLAIN, ROUTER}
    for index in near:
        path = folder / paths[index]
        data = path.read_bytes()
        lines = data.count(b"\n")
        if path.suffix != ".py" or lines < 40 or b"\r" in data or ASIDE.search(paths[index]):
            continue
        router = MADE_ROUTER.search(data)
        plain = not NO_PLAIN_MODULE.search(data) and re.search(rb"^(def|class) ", data, re.MULTILINE)
        label = ROUTER if router and b"\n@" + router[1] + b"." in data else PLAIN if plain else ""
        others = (names for name, names in imports.items() if name != paths[index])
        if label not in missing or not any(path.stem.encode() in names for names in others):
            continue
        added = ADDED_ROUTE.format(router[1].decode()) if label == ROUTER and router else ADDED_FUNCTION
        after = data.rstrip(b"\n") + b"\n" + added.encode()
        try:
            ast.parse(after)
        except (SyntaxError, ValueError):
            continue
        what = "a route" if label == ROUTER else "a function that nothing calls"
        place = f"{lines:,} lines, number {index + 1:,} of {len(paths):,}"
        text = f"`{paths[index]}` ({place}) got {what} at its end."
        yield label, Change(path, data, after, f"{label[0].upper()}{label[1:]}: {text}")
        missing.discard(label)
        if not missing:
            return


def hub_changes(folder: Path) -> Iterator[tuple[str, Change]]:
    """The module that most others import, by its name: with a function more; and with a statement more in a body."""
    named: dict[bytes, int] = {}
    for path in sources(folder):
        for name in set(IMPORTED.findall((folder / path).read_bytes())):
            named[name] = named.get(name, 0) + 1
    for path in sorted(sources(folder), key=lambda each: -named.get(Path(each).stem.encode(), 0)):
        data = (folder / path).read_bytes()
        if not path.endswith(".py") or data.count(b"\n") < 40 or b"\r" in data or ASIDE.search(path):
            continue
        try:
            functions = [
                each
                for each in ast.parse(data).body
                if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef)) and len(each.body) > 1
            ]
        except (SyntaxError, ValueError):
            continue
        if not functions:
            continue
        more = data.rstrip(b"\n") + b"\n" + ADDED_FUNCTION.encode()
        place = f"`{path}` ({data.count(NEWLINE):,} lines, named by {named[Path(path).stem.encode()]:,} modules)"
        yield HUB, Change(folder / path, data, more, f"{HUB.capitalize()}: {place} got a function at its end.")
        function = functions[len(functions) // 2]
        last = function.body[-1]
        lines = more.split(NEWLINE)
        lines.insert(last.lineno - 1, b" " * last.col_offset + b"added_by_the_benchmark = 1")
        text = f"{BODY.capitalize()}: its function `{function.name}` got a statement before its last one."
        yield BODY, Change(folder / path, data, NEWLINE.join(lines), text)
        return


@dataclass(frozen=True)
class Step:
    """A row to be: a command, and before it a tree as it was, without a cache (`fresh`), or a change."""

    label: str
    command: list[str]
    own: bool = True
    fresh: bool = False
    change: Change | None = None
    limit: float = OWN_LIMIT


def steps(changed: Sequence[tuple[str, Change]], tools: Path | None, limit: float) -> Iterator[Step]:
    """One round over a tree, in its order: the cache of one step is what the next one finds."""

    yield Step(COLD, lint("--no-cache", "-j", "1"), fresh=True)
    yield Step(LIBCST, PARSERS[LIBCST], own=False)
    yield Step(TWO, lint("--no-cache", "-j", "2"))
    yield Step(AST, PARSERS[AST], own=False)
    yield Step(LEAVING, lint("-j", "1"), fresh=True)
    yield Step(NOTHING, lint("-j", "1"))
    yield Step(CONSOLE, lint_to_console())
    for label, change in changed:
        yield Step(label, lint("-j", "1"), change=change)
    for name, (_, options) in OTHERS.items():
        if tools is not None and (tools / name).is_file():
            yield Step(name, [str(tools / name), *options], own=False, fresh=True, limit=limit)


def project(name: str, root: Path, tools: Path | None, limit: float, times: int) -> Project:
    """Measure one project, round by round, so that a busy moment does not hit one row alone."""
    sources_before = digest()
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / "fixit.toml").write_text(NOTHING_SET, encoding="utf-8")
        folder = Path(place) / "project"
        files, lines = copied(root, folder)
        changed = [*changes(folder), *hub_changes(folder)]
        times = times or repeats(lines)
        say(f"{name}: {lines:,} lines in {files:,} files, best of {times}")
        measured(lint("--no-cache", "-j", "1", "--select", "FAPI001"), folder)  # files and bytecode are in memory now
        costs: dict[str, list[Cost]] = {}
        own: dict[str, bool] = {}
        heavy: tuple[str, ...] = ()
        for number in range(times):
            for step in steps(changed, tools, limit):
                had = costs.setdefault(step.label, [])
                own[step.label] = step.own
                if number and not step.own and step.limit < OWN_LIMIT and (had[0].wall > SLOW or had[0].problem):
                    continue
                if step.fresh:
                    shutil.rmtree(folder / CACHE_DIRECTORY, ignore_errors=True)
                    for _, change in changed:
                        change.path.write_bytes(change.before)
                elif step.change:
                    step.change.path.write_bytes(step.change.after)
                had.append(cost := measured(step.command, folder, step.limit))
                say(f"  {step.label}: {cost.problem or f'{cost.cpu:.2f} s CPU, {cost.wall:.2f} s'}")
                if step.label == NOTHING and not number:
                    heavy = imported(folder)
        rows = tuple(Row(label, own[label], best(had)) for label, had in costs.items())
    texts = tuple(change.text for _, change in changed)
    ours = [cost for label, had in costs.items() if own[label] for cost in had]
    return Project(name, files, lines, times, busy(ours), rows, texts, heavy, digest(sources_before))


def digest(before: str = "") -> str:
    """A short name for the content of the linter's own files, or that it is not what it was before."""
    root = Path(fastapi_lint.__file__).parent
    files = sorted(path for path in root.rglob("*") if path.suffix in (".py", ".toml", ".json"))
    now = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:8]
    return now if before in ("", now) else CHANGING


# ------------------------------------------------------------------- start-up


def start_up() -> StartUp:
    """What it takes to start, in turns with the bare interpreter."""
    version, python = [], []
    with tempfile.TemporaryDirectory() as place:
        for _ in range(STARTS):
            version.append(measured([str(LINTER), "--version"], Path(place)))
            python.append(measured([sys.executable, "-c", "pass"], Path(place)))
    return StartUp(best(version), best(python))


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
