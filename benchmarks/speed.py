"""How fast the linter is on real packages, as ratios to other tools over the same files in the same run.

    python benchmarks/speed.py --folder CORPUS --download --tools BIN --growth > benchmarks/speed.md

`CORPUS` holds one folder per package of `corpus.toml` (`--download` fetches what is missing with pip and checks its
hash). `--tools` is the `bin` folder of an environment with ruff, bandit, flake8, pylint, fixit; what is not
there is left out. Measures child processes: CPU is user and system time of the process and its children, memory the
largest resident set of one process. Nothing of the packages is imported or executed.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

HERE = Path(__file__).resolve().parent
PACKAGES = ("fractal-server", "open-webui", "prefect", "mlflow", "litellm")
"""What is measured when nothing is named: 30,000 to 1,000,000 lines."""
PARSE = """
import {0}, pathlib, sys
for path in sorted(pathlib.Path(sys.argv[1]).rglob('*.py')):
    try:
        {1}
    except Exception:
        pass
"""
LIBCST = PARSE.format("libcst", "libcst.parse_module(path.read_bytes())")
AST = PARSE.format("ast", "ast.parse(path.read_bytes())")
LIMIT = 1800.0
"""Seconds after which a tool counts as too slow."""
SIZES = (10_000, 30_000, 100_000, 300_000, 1_000_000)


@dataclass(frozen=True)
class Cost:
    """What a command took: seconds of CPU and wall, MiB of the largest process."""

    cpu: float
    wall: float
    memory: float


def measured(command: Sequence[str], cwd: Path) -> Cost | None:
    """Run a command and say what it took; None when it failed or ran into the limit (findings are no failure)."""
    started = time.perf_counter()
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(command, cwd=cwd, stdout=subprocess.DEVNULL, stderr=errors)
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            if time.perf_counter() - started > LIMIT:
                process.kill()
                os.wait4(process.pid, 0)
                return None
            time.sleep(0.002)
        process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        said = errors.read()
        # An interpreter that finds no module, or falls over, also ends with 1: that is no run with findings.
        if process.returncode not in (0, 1) or b"No module named" in said or b"Traceback" in said:
            print(f"{command[0]}: exit code {process.returncode}: {said[-300:]!r}", file=sys.stderr)
            return None
    scale = 1024 if sys.platform == "linux" else 1024 * 1024
    return Cost(usage.ru_utime + usage.ru_stime, time.perf_counter() - started, usage.ru_maxrss / scale)


def lint(*options: str) -> list[str]:
    """The command that lints the current folder as a whole, without configuration."""
    return [sys.executable, "-m", "fastapi_lint", ".", "--isolated", "--output-format", "concise", *options]


def others(tools: Path | None) -> Iterator[tuple[str, list[str]]]:
    """What else reads the same files: the two parsers, and the linters that are installed."""
    yield "libcst.parse_module", [sys.executable, "-c", LIBCST, "."]
    yield "ast.parse", [sys.executable, "-c", AST, "."]
    known = {
        "ruff": ["check", "--isolated", "--no-cache", "--select", "FAST,ASYNC,S", "--exit-zero", "."],
        "fastapi-lsp": ["check", "."],
        "flake8": ["--isolated", "--select", "ASYNC", "--exit-zero", "-j", "1", "."],
        "bandit": ["-q", "-r", ".", "--exit-zero"],
        "fixit": ["lint", "."],
        "pylint": ["--exit-zero", "--recursive=y", "."],
    }
    for name, options in known.items():
        program = tools / name if tools else None
        if program is not None and program.exists():
            yield name, [str(program), *options]


def lines_of(folder: Path) -> int:
    """The lines of all Python files below a folder."""
    return sum(path.read_bytes().count(b"\n") for path in folder.rglob("*.py"))


def touched(folder: Path) -> Path:
    """A file of average size, with one statement more than it had."""
    files = sorted(folder.rglob("*.py"), key=lambda path: (path.stat().st_size, path))
    path = files[len(files) * 3 // 4]
    path.write_bytes(path.read_bytes() + b"\nadded_by_the_benchmark = 1\n")
    return path


def table(name: str, source: Path, tools: Path | None) -> Iterator[str]:
    """The part of the report about one package."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "package"
        shutil.copytree(source, folder, ignore=shutil.ignore_patterns(".fastapi_lint_cache", "*.so", "*.js"))
        (folder / ".git").mkdir()
        lines = lines_of(folder)
        measured(lint("--no-cache", "-j", "1", "--select", "FAPI001"), folder)  # files and bytecode are in memory now
        runs: list[tuple[str, Cost | None]] = [("cold, one process", measured(lint("--no-cache", "-j", "1"), folder))]
        for other, command in others(tools):
            runs.append((other, measured(command, folder)))
        runs.insert(1, ("cold, two processes", measured(lint("--no-cache", "-j", "2"), folder)))
        runs.insert(2, ("cold, leaving a cache", measured(lint("-j", "1"), folder)))
        runs.insert(3, ("nothing changed", measured(lint("-j", "1"), folder)))
        touched(folder)
        runs.insert(4, ("one file changed", measured(lint("-j", "1"), folder)))
    costs = dict(runs)
    cold, parsed = costs["cold, one process"], costs["libcst.parse_module"]
    yield f"## {name}: {lines:,} lines\n"
    yield "| run | CPU s | wall s | peak MiB | CPU / libcst | wall / cold |"
    yield "|---|---:|---:|---:|---:|---:|"
    for label, cost in runs:
        if cost is None:
            yield f"| {label} | failed or over {LIMIT:.0f} s | | | | |"
            continue
        to_parse = f"{cost.cpu / parsed.cpu:.2f}" if parsed else ""
        to_cold = f"{cost.wall / cold.wall:.3f}" if cold else ""
        yield f"| {label} | {cost.cpu:.2f} | {cost.wall:.2f} | {cost.memory:.0f} | {to_parse} | {to_cold} |"
    if cold:
        yield f"\nMemory of the cold run: {cold.memory * 1024 / lines:.2f} KiB per line.\n"


def growth(source: Path) -> Iterator[str]:
    """Cold runs over more and more of one package, and the exponent that fits them."""
    files = sorted(source.rglob("*.py"), key=lambda path: hashlib.sha256(path.as_posix().encode()).digest())
    points: list[tuple[int, float]] = []
    yield f"## Growth: parts of {source.name}\n"
    yield "| lines | CPU s | peak MiB |"
    yield "|---:|---:|---:|"
    for size in SIZES:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            held = 0
            for path in files:
                if held >= size:
                    break
                copy = folder / path.relative_to(source)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copy)
                held += path.read_bytes().count(b"\n")
            cost = measured(lint("--no-cache", "-j", "1"), folder)
        if cost is not None and held >= 0.9 * size:
            points.append((held, cost.cpu))
            yield f"| {held:,} | {cost.cpu:.2f} | {cost.memory:.0f} |"
    if len(points) >= 3:
        yield f"\nFitted exponent: {exponent(points):.2f} (1 is linear; start-up counts in the small ones).\n"


def exponent(points: Sequence[tuple[float, float]]) -> float:
    """The slope of the line through the logarithms, by least squares."""
    xs = [math.log(x) for x, _ in points]
    ys = [math.log(y) for _, y in points]
    middle_x, middle_y = sum(xs) / len(xs), sum(ys) / len(ys)
    along = sum((x - middle_x) ** 2 for x in xs)
    return sum((x - middle_x) * (y - middle_y) for x, y in zip(xs, ys, strict=True)) / along


def download(folder: Path, names: Sequence[str]) -> None:
    """Fetch and unpack the pinned wheels that are missing; a wrong hash is an error."""
    pinned = {wheel["name"]: wheel for wheel in tomllib.loads((HERE / "corpus.toml").read_text("utf-8"))["wheel"]}
    for name in names:
        if (folder / name).is_dir():
            continue
        wheel = pinned[name]
        with tempfile.TemporaryDirectory() as place:
            asked = f"{name}=={wheel['version']}"
            options = ["download", "--quiet", "--no-deps", "--only-binary", ":all:", "--dest", place, asked]
            subprocess.run([sys.executable, "-m", "pip", *options], check=True)
            (file,) = Path(place).iterdir()
            if hashlib.sha256(file.read_bytes()).hexdigest() != wheel["sha256"]:
                raise SystemExit(f"{file.name} is not the file that corpus.toml names")
            with zipfile.ZipFile(file) as archive:
                archive.extractall(folder / name)


def main() -> None:
    """Print the report as Markdown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True, help="where the packages are, one folder each")
    parser.add_argument("--download", action="store_true", help="fetch the packages that are missing")
    parser.add_argument("--only", nargs="+", default=PACKAGES, metavar="NAME", help="these packages")
    parser.add_argument("--tools", type=Path, help="bin folder of an environment with other linters")
    parser.add_argument("--growth", action="store_true", help="measure growth over parts of litellm, too")
    asked = parser.parse_args()
    if asked.download:
        asked.folder.mkdir(parents=True, exist_ok=True)
        download(asked.folder, asked.only)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    version = platform.python_version()
    print("# Speed\n\nMade by `python benchmarks/speed.py`; do not edit.\n")
    print(f"{cores} cores, {platform.system()} {platform.machine()}, Python {version}; all recommended rules.")
    print(f"Load when the run began: {os.getloadavg()[0]:.1f}. Ratios are within one run.\n", flush=True)
    for name in asked.only:
        for line in table(name, asked.folder / name, asked.tools.resolve() if asked.tools else None):
            print(line, flush=True)
    if asked.growth:
        for line in growth(asked.folder / "litellm"):
            print(line, flush=True)


if __name__ == "__main__":
    main()
