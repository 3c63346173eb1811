"""A section of `speed.md` with a command of its own: what that is asked, and where its table goes."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from speed import download, located, pinned

Row = TypeVar("Row")


def make(
    script: str,
    description: str | None,
    heading: str,
    measured: Callable[[str, Path, int], Iterable[Row]],
    section: Callable[[list[Row], str], Iterable[str]],
) -> None:
    """Read the arguments of a script, measure the projects that they name, and print a section or put it into a file.

    `measured` is given the name and folder of a project and how often to measure; `section` all rows and the command.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("project", nargs="+", metavar="PROJECT", help="a folder, or a package of corpus.toml")
    parser.add_argument("--download", type=Path, metavar="FOLDER", help="where the packages of corpus.toml are, or go")
    parser.add_argument("--repeat", type=int, default=3, metavar="N", help="best of N")
    parser.add_argument("--into", type=Path, metavar="FILE", help="put the section into this document")
    asked = parser.parse_args()
    if asked.download:
        download(asked.download, [name for name in asked.project if name in pinned()])
    names = [name if name in pinned() else Path(name).name for name in asked.project]
    words = [f"python benchmarks/{script}", *names, *(["--download FOLDER"] if asked.download else [])]
    rows = [
        row
        for name, given in zip(names, asked.project, strict=True)
        for row in measured(name, located(given, asked.download), asked.repeat)
    ]
    command = " ".join([*words, f"--repeat {asked.repeat}", "--into benchmarks/speed.md"])
    _put(heading, section(rows, command), asked.into)


def _put(heading: str, lines: Iterable[str], into: Path | None) -> None:
    """Print a section, or put it into a document at its end, in place of one with the same heading."""
    text = "\n".join(lines) + "\n"
    if into is None:
        print(text, end="")
        return
    whole = into.read_text("utf-8")
    kept = re.sub(rf"\n{heading}\n.*?(?=\n## |\Z)", "", whole, flags=re.DOTALL).rstrip("\n")
    into.write_text(f"{kept}\n\n{text}", "utf-8")
