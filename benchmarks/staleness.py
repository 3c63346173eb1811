"""Changes real projects at random, and compares each run that reuses what it can with one that knows nothing.

    python benchmarks/staleness.py PROJECT [PROJECT ...] [--changes 60] [--seed 1] [--only move delete ...]

Each project is copied, and the copy changed step by step; a step is one of `CHANGES` on a file drawn at random, two of
three times a file with routes or one that another file imports. After each step the copy is checked twice, with the
cache that the steps before have left and without any. Findings with their fixes and trails, suppressions and notices
must be equal. The exit code is 1 when they differ anywhere; the difference and the steps until then are printed.
Nothing of a project is imported or executed.
"""

from __future__ import annotations

import argparse
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

SOURCES = Path(__file__).resolve().parent.parent / "src"
LINT = (sys.executable, "-m", "fastapi_lint", "check", ".", "--isolated", "--jobs", "1", "--exit-zero")
_LINES_SHOWN = 12
Change = Callable[[Path, random.Random], bool]
"""Changes a file, or what stands beside it; says whether there was something to change."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("projects", nargs="+", type=Path)
    parser.add_argument("--changes", type=int, default=60, help="steps for each project")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="+", metavar="CHANGE", default=(), help="these changes alone, by name")
    options = parser.parse_args()
    chosen = tuple(change for change in CHANGES if not options.only or _name(change) in options.only)
    if unknown := set(options.only) - {_name(change) for change in CHANGES}:
        parser.error(f"no such change: {', '.join(sorted(unknown))}; there are {', '.join(map(_name, CHANGES))}")
    for project in options.projects:
        if next(project.rglob("*.py"), None) is None:
            parser.error(f"there is no Python file in {project}")
    wrong = 0
    print("| project | files | changes | differ | with the cache ÷ without, s |\n|---|---:|---:|---:|---:|")
    for project in options.projects:
        with tempfile.TemporaryDirectory() as folder:
            wrong += _project(project.resolve(), Path(folder), options.changes, random.Random(options.seed), chosen)
    return int(wrong > 0)


def _project(project: Path, folder: Path, changes: int, draw: random.Random, chosen: Sequence[Change]) -> int:
    """Change one project; the number of steps after which the two runs differed."""
    tree = folder / "project"
    shutil.copytree(project, tree, ignore=shutil.ignore_patterns(".git", "node_modules", "*.pyc"))
    cache = ("--cache-dir", str(folder / "cache"))
    _check(tree, *cache)
    steps: list[str] = []
    differing = 0
    with_cache = without = 0.0
    for _ in range(changes):
        steps.append(_step(tree, draw, chosen))
        started = time.perf_counter()
        reused = _check(tree, *cache)
        between = time.perf_counter()
        fresh = _check(tree, "--no-cache")
        with_cache += between - started
        without += time.perf_counter() - between
        if reused != fresh:
            differing += 1
            print(f"{project.name}, step {len(steps)}: {steps[-1]}", file=sys.stderr)
            print(_difference(reused, fresh), file=sys.stderr, flush=True)
    files = sum(1 for _ in tree.rglob("*.py"))
    print(f"| {project.name} | {files} | {len(steps)} | {differing} | {with_cache:.0f} ÷ {without:.0f} |", flush=True)
    return differing


def _check(tree: Path, *options: str) -> list[str]:
    """All that a run says, line by line; raises when it could not run."""
    run = subprocess.run(
        [*LINT, "--output-format", "json-lines", *options],
        cwd=tree,
        env={"PYTHONPATH": str(SOURCES), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode not in (0, 2):
        raise RuntimeError(f"exit {run.returncode}: {run.stderr[-2000:]}")
    return [*run.stdout.splitlines(), *(line for line in run.stderr.splitlines() if not line.startswith("Found "))]


def _difference(reused: list[str], fresh: list[str]) -> str:
    lines = [f"- {line[:300]}" for line in reused if line not in fresh]
    lines += [f"+ {line[:300]}" for line in fresh if line not in reused]
    return "\n".join(lines[:_LINES_SHOWN]) or "the order differs"


# ---------------------------------------------------------------- steps


def _step(tree: Path, draw: random.Random, chosen: Sequence[Change]) -> str:
    """Change one file; says what was done to which."""
    files = sorted(path for path in tree.rglob("*.py") if path.is_file())
    hubs = [path for path in files if _is_hub(path)]
    for _ in range(100):
        path = draw.choice(hubs if hubs and draw.random() < 2 / 3 else files)
        change = draw.choice(chosen)
        if change(path, draw):
            return f"{_name(change)} {path.relative_to(tree)}"
    raise RuntimeError("no change could be made")


def _name(change: Change) -> str:
    return change.__name__.strip("_").replace("_", "-")


def _is_hub(path: Path) -> bool:
    text = path.read_text("utf-8", "replace")
    return "APIRouter" in text or "Depends" in text or path.stem in ("utils", "deps", "dependencies", "main", "models")


def _rewrite(path: Path, pattern: str, by: Callable[[re.Match[str]], str], draw: random.Random) -> bool:
    """Replace one match of a pattern, drawn at random."""
    text = path.read_text("utf-8", "replace")
    found = list(re.finditer(pattern, text, re.MULTILINE))
    if not found:
        return False
    match = draw.choice(found)
    path.write_text(text[: match.start()] + by(match) + text[match.end() :], "utf-8")
    return True


def _append_function(path: Path, draw: random.Random) -> bool:
    number = draw.randrange(1000)
    with path.open("a", encoding="utf-8") as file:
        file.write(f"\n\ndef added_{number}(value):\n    import time\n    time.sleep(1)\n    return value\n")
    return True


def _move_down(path: Path, draw: random.Random) -> bool:
    path.write_text("# one line more\n" * draw.randint(1, 3) + path.read_text("utf-8", "replace"), "utf-8")
    return True


def _toggle_async(path: Path, draw: random.Random) -> bool:
    def toggled(match: re.Match[str]) -> str:
        return f"{match[1]}def " if match[2] else f"{match[1]}async def "

    return _rewrite(path, r"^([ \t]*)(async )?def ", toggled, draw)


def _block(path: Path, draw: random.Random) -> bool:
    """A call that blocks, as the first statement of a function of one line's head."""
    return _rewrite(
        path,
        r"^([ \t]*)((?:async )?def \w+\([^\n]*\)[^\n:]*:)\n",
        lambda m: f"{m[0]}{m[1]}    open('x').read()\n",
        draw,
    )


def _rename_function(path: Path, draw: random.Random) -> bool:
    return _rewrite(path, r"^([ \t]*(?:async )?def )(\w+)(?=\()", lambda m: f"{m[1]}{m[2]}_x", draw)


def _other_verb(path: Path, draw: random.Random) -> bool:
    return _rewrite(
        path, r"\.(get|post|put|delete|patch)\((?=[\"'])", lambda m: f".{draw.choice(['get', 'post', 'put'])}(", draw
    )


def _other_text(path: Path, draw: random.Random) -> bool:
    return _rewrite(path, r"\"([a-z_/]{3,30})\"", lambda m: f'"{m[1]}x"', draw)


def _drop_import(path: Path, draw: random.Random) -> bool:
    return _rewrite(path, r"^from [\w.]+ import \w+\n", lambda _: "", draw)


def _drop_dependency(path: Path, draw: random.Random) -> bool:
    return _rewrite(path, r"Depends\(\w+\)", lambda _: "None", draw)


def _other_type(path: Path, draw: random.Random) -> bool:
    return _rewrite(path, r": (str|int|bool|float)\b", lambda _: f": {draw.choice(['str', 'int', 'bytes'])}", draw)


def _break(path: Path, draw: random.Random) -> bool:
    with path.open("a", encoding="utf-8") as file:
        file.write("\ndef broken(:\n")
    return True


def _delete(path: Path, draw: random.Random) -> bool:
    if path.name == "__init__.py" or len([*path.parent.glob("*.py")]) == 1:
        return False  # a package stays one, and there is always something to change
    path.unlink()
    return True


def _copy(path: Path, draw: random.Random) -> bool:
    shutil.copyfile(path, path.with_name(f"{path.stem}_copy{draw.randrange(1000)}.py"))
    return True


def _move(path: Path, draw: random.Random) -> bool:
    if path.name == "__init__.py":
        return False
    path.rename(path.with_name(f"{path.stem}_moved.py"))
    return True


def _copy_elsewhere(path: Path, draw: random.Random) -> bool:
    """The same name in another folder, so that it may mean two files."""
    folders = sorted({each.parent for each in _root_of(path).rglob("*.py")} - {path.parent})
    if path.name == "__init__.py" or not folders:
        return False
    target = draw.choice(folders) / path.name
    if target.exists():
        return False
    shutil.copyfile(path, target)
    return True


def _take_from_new(path: Path, draw: random.Random) -> bool:
    """A new file beside, and what it has is used from now on."""
    number = draw.randrange(1000)
    new = path.with_name(f"new_{number}.py")
    new.write_text(f"import time\n\n\ndef wait_{number}():\n    time.sleep(1)\n", "utf-8")
    with path.open("a", encoding="utf-8") as file:
        file.write(f"\n\nfrom .{new.stem} import wait_{number}\n\n\nasync def waits_{number}():\n    wait_{number}()\n")
    return True


def _name_what_is_not_there(path: Path, draw: random.Random) -> bool:
    """An import of something that a later step may make."""
    others = sorted(each.stem for each in path.parent.glob("*.py") if each.stem.isidentifier())
    name = draw.choice(others)
    with path.open("a", encoding="utf-8") as file:
        file.write(f"\n\nfrom {draw.choice(['.', '..', ''])}{name}_moved import something\n")
    return True


def _toggle_package(path: Path, draw: random.Random) -> bool:
    marker = path.with_name("__init__.py")
    if not marker.exists():
        marker.write_text("", "utf-8")
    elif len([*path.parent.glob("*.py")]) > 1:
        marker.unlink()
    else:
        return False
    return True


def _move_folder(path: Path, draw: random.Random) -> bool:
    folder = path.parent
    if folder == _root_of(path) or draw.random() < 0.5:
        return False
    folder.rename(folder.with_name(f"{folder.name}_moved"))
    return True


def _root_of(path: Path) -> Path:
    """The folder of the copy: that named "project" nearest to the root of the file system."""
    return next(each for each in reversed(path.parents) if each.name == "project")


CHANGES: tuple[Change, ...] = (
    _append_function,
    _move_down,
    _toggle_async,
    _block,
    _rename_function,
    _other_verb,
    _other_text,
    _drop_import,
    _drop_dependency,
    _other_type,
    _break,
    _delete,
    _copy,
    _move,
    _copy_elsewhere,
    _take_from_new,
    _name_what_is_not_there,
    _toggle_package,
    _move_folder,
)
"""What a step may do to a file."""


if __name__ == "__main__":
    sys.exit(main())
