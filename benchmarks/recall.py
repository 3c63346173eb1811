"""Draws path operations, dependencies and modules with an app for a reader to judge before any finding is seen.

    python benchmarks/recall.py PROJECT [PROJECT ...] [--operations 40] [--dependencies 10] [--setups 10]
                                [--most 6] [--seed 1] [--output WORKSHEET.tsv]

The worksheet has a row for each: kind, project, file, line, name. The reader writes down what a reviewer would report
there under the rules that are built, and only then lints the projects and compares: what precision cannot tell, as it
starts from findings. No rule is run here, and nothing in a project is changed, imported or executed. The draw goes
round the projects, one at random from each in turn, at most `--most` operations of one project; the same seed over the
same projects and the same model draws the same worksheet. Operations are routes of any application or router outside
tests, whether or not it is served. What the model does not know to be an operation is never drawn.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from fastapi_lint.config.settings import Settings
from fastapi_lint.index.build import build
from fastapi_lint.model.names.symbols import Module
from fastapi_lint.model.project import Project
from fastapi_lint.run import discovery, disk

VENDORED = ("myenv/", "node_modules/", "venv/", ".venv/", "site-packages/")


@dataclass(frozen=True, order=True)
class Drawn:
    """One place to read, named by its kind."""

    kind: str
    project: str
    file: str
    line: int
    name: str


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("projects", nargs="+", type=Path)
    parser.add_argument("--operations", type=int, default=40, metavar="N")
    parser.add_argument("--dependencies", type=int, default=10, metavar="N")
    parser.add_argument("--setups", type=int, default=10, metavar="N")
    parser.add_argument("--most", type=int, default=6, metavar="N", help="operations of one project")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, help="write the worksheet here instead of printing it")
    options = parser.parse_args(arguments)
    kinds: dict[str, dict[str, list[Drawn]]] = {"operation": {}, "dependency": {}, "setup": {}}
    for folder in options.projects:
        places = places_of(folder.resolve())
        print(f"{folder.name}: {len(places)} places", file=sys.stderr, flush=True)
        for kind, by_project in kinds.items():
            by_project[folder.name] = sorted({each for each in places if each.kind == kind})
    wanted = {"operation": options.operations, "dependency": options.dependencies, "setup": options.setups}
    rows = [row for kind, each in kinds.items() for row in draw(each, wanted[kind], options.most, options.seed)]
    text = "".join(f"{row.kind}\t{row.project}\t{row.file}\t{row.line}\t{row.name}\n" for row in rows)
    if options.output is None:
        print(text, end="")
    else:
        options.output.write_text(text, encoding="utf-8")
    return 0


def places_of(root: Path) -> list[Drawn]:
    """The operations, dependencies and modules with an app of one project, outside its tests."""
    found = discovery.discover(root, (root,), Settings(root=root, extend_exclude=VENDORED))
    sources, _ = disk.read(root, found.files)
    modules = [Module(source, build(source.utf8)) for source in sources.values()]
    project = Project(modules, declared=disk.declarations(root))
    places = []
    for route in project.routes.all:
        handler = route.handler
        if handler is not None and not handler.module.is_test:
            places.append(("operation", handler.module, handler.start, handler.qualname))
    for function in project.depended_on:
        if not function.module.is_test:
            places.append(("dependency", function.module, function.start, function.qualname))
    for app in project.routes.apps:
        if not app.module.is_test:
            places.append(("setup", app.module, app.call.start, app.variable or ""))
    return [
        Drawn(kind, root.name, module.path, module.source.line_of(start), name) for kind, module, start, name in places
    ]


def draw(by_project: Mapping[str, list[Drawn]], wanted: int, most: int, seed: int) -> list[Drawn]:
    """So many places in the order of the round, sorted."""
    chance = random.Random(seed)
    hands = [chance.sample(places, min(most, len(places))) for _, places in sorted(by_project.items())]
    turns = [place for turn in zip_longest(*hands) for place in turn if place is not None]
    return sorted(turns[:wanted])


if __name__ == "__main__":
    sys.exit(main())
