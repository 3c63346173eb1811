"""Coverage-guided fuzzing with atheris: bytes that reach new places of the linter are kept and mutated further.

    python tests/fuzz/guided.py SECONDS [--seed N] [--runs N]       look for inputs that break something
    python tests/fuzz/guided.py INPUT ...                           try stored inputs again, such as one that was found

An input is a small project: files under `# file: NAME` lines (see `projected`). It starts from the fixtures; what it
finds worth keeping, and what broke something (`crash-*`, `timeout-*`, `oom-*`), it leaves in `.fuzz`. The exit code is
0 when nothing broke, 3 when atheris is not installed (`pip install -e '.[dev,fuzz]'`), something else otherwise.
"""

from __future__ import annotations

import argparse
import importlib.util
import random
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

MISSING = 3
LONGEST = 6_000
"""Bytes of one input: enough for most fixtures with their modules, few enough for some inputs in a second."""
PATIENCE = 60
"""Seconds after which an input counts as one without an end; usual are hundredths."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="+", metavar="SECONDS or INPUT")
    parser.add_argument("--seed", type=int, default=0, help="a number above 0 makes the same choices again")
    parser.add_argument("--runs", type=int, default=-1, help="the most inputs to try")
    parser.add_argument("--folder", type=Path, default=ROOT / ".fuzz")
    options = parser.parse_args()
    if importlib.util.find_spec("atheris") is None:
        print("atheris is not installed: no coverage-guided fuzzing; pip install -e '.[dev,fuzz]'", file=sys.stderr)
        return MISSING
    stored = [word for word in options.what if Path(word).is_file()]
    run(stored, options)
    return 0


def run(stored: list[str], options: argparse.Namespace) -> None:
    """Hand over to libFuzzer, which ends the process."""
    import atheris

    with atheris.instrument_imports(include=["fastapi_lint"]):  # whatever is imported before is not looked into
        from fuzz.mutations import edited, projected
        from fuzz.properties import fix_and_judge, judge

        from fastapi_lint.run import story as run

        run.rules()

    def try_one(data: bytes) -> None:
        files = projected(data)
        judge(run.lint_sources(files, select=("all",)), files)
        fix_and_judge(files, unsafe=len(data) % 2 == 0)

    def mutate(data: bytes, longest: int, seed: int) -> bytes:
        """Bytes as libFuzzer likes, or words and signs of Python."""
        choice = random.Random(seed)
        return bytes(atheris.Mutate(data, longest)) if choice.random() < 0.3 else edited(data, choice)[:longest]

    chosen = [f"-timeout={PATIENCE}", "-rss_limit_mb=3000", "-print_final_stats=1", "-verbosity=0", *stored]
    if not stored:
        folder: Path = options.folder
        for name in ("kept", "start"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        for number, data in enumerate(seeds()):
            (folder / "start" / f"{number:03}").write_bytes(data)
        chosen += [f"-max_total_time={max(1, int(float(options.what[0])))}", f"-runs={options.runs}"]
        chosen += [f"-seed={options.seed}", f"-max_len={LONGEST}", f"-artifact_prefix={folder}/"]
        chosen += [str(folder / "kept"), str(folder / "start")]
    atheris.Setup([sys.argv[0], *chosen], try_one, custom_mutator=mutate)
    atheris.Fuzz()


def seeds(longest: int = LONGEST) -> Iterator[bytes]:
    """The fixtures that fit, each as one project; see `projected`."""
    from fuzz.mutations import modules
    from linting import FIXTURES

    for data in modules():
        if len(data) <= longest:
            yield data
    for folder in sorted(FIXTURES.glob("*/project")):
        files = [("main.py", folder.parent / "bad.py")]
        files += [(path.relative_to(folder).as_posix(), path) for path in sorted(folder.rglob("*.py"))]
        data = b"".join(b"# file: " + name.encode() + b"\n" + path.read_bytes() for name, path in files)
        if len(data) <= longest:
            yield data


if __name__ == "__main__":
    sys.exit(main())
