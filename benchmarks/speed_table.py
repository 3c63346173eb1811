"""What `speed.py` measured, and the Markdown it becomes: tables, budgets, reasons. Measures nothing itself.

A budget that is missed shows the reason that `REASONS` gives for it; reasons are written by hand, never derived.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import msgspec

COLD = "cold, one process"
TWO = "cold, two processes"
LEAVING = "cold, leaving a cache"
NOTHING = "nothing changed"
CONSOLE = "nothing changed, in the default format"
PLAIN = "one file changed: a plain module"
ROUTER = "one file changed: a router"
HUB = "one file changed: the module that most import"
BODY = "one file changed: a body in that module"
LIBCST = "libcst.parse_module"
AST = "ast.parse"
LARGE = 100_000
"""Lines from which a tree counts as large: budgets on parsing and on two processes are asked of large trees only."""
VERY_LARGE = 200_000
"""Lines from which most of a tree has nothing to do with FastAPI, as far as is known."""
BUSY = 0.1
"""Cores that other programs may use before the report warns of it."""
CHANGING = "changing"
HEAVY = ("libcst", "tree_sitter", "rich")
"""What a run without changes must not import."""

_ASKED = (
    "the rules are three times as many as when this budget was set: what they ask comes to three quarters of the run,"
    " no rule to more than a thirteenth; a tenth goes to fixes, which need libcst"
)
_AGAIN = (
    "a verdict depends on modules, not on definitions, so that whatever has got hold of the module is judged again, and"
    " what it asks is worked out anew in a new process; in an editor, which keeps it, it is a fraction of this"
)
_SHORT = "its cold run is short: what is left is loading Python, the rules and libcst, and files to read"
_SMALL = "a run starts with about 40 MiB for Python, libcst and tree-sitter, which a small tree does not spread"
_KEPT = (
    "at open-webui 50 of 253 MiB are Python and libraries, 50 the facts, and 150 answers that rules have asked for,"
    " which are kept to the end"
)
_LINKING = (
    "at open-webui a tenth of the calls come before there are two processes, and a sixth more are made in both,"
    " each for its half; not looked into here"
)
_RECORDING = "recording what answers depend on, spread over all that is asked; not looked into here"
_READING = "finding, reading and hashing all files, and the start of Python; rich takes the rest in the default format"
REASONS: dict[tuple[str, str], str] = {
    ("open-webui", "parsing"): _ASKED,
    ("onyx", "parsing-more"): _ASKED,
    ("mlflow", "parsing-more"): _ASKED,
    **{(name, key): _AGAIN for name in ("open-webui", "onyx", "mlflow") for key in ("plain", "router", "hub", "body")},
    **{(name, "two"): _LINKING for name in ("open-webui", "onyx", "mlflow")},
    **{(name, "cache"): _RECORDING for name in ("open-webui", "onyx", "mlflow")},
    ("endpoints", "endpoints"): "from 5,000 to 20,000 libcst alone grows by 1.30, too; not looked into yet",
    **{(name, "memory"): _KEPT for name in ("open-webui", "onyx", "mlflow")},
    **{(name, key): _READING for name in ("open-webui", "onyx", "mlflow") for key in ("nothing", "console")},
    **{("fractal-server", key): _SHORT for key in ("nothing", "console", "plain", "router", "hub", "body")},
    ("fractal-server", "memory"): _SMALL,
}
"""Why a budget is missed, by project (or "growth", "start-up") and the budget's `key`; written by hand."""


class Cost(msgspec.Struct, frozen=True):
    """What runs of one command took: the best CPU and wall seconds of `runs` runs, KiB of the largest process.

    `floor`: the command stayed below the memory of the process that started it, which is all that is known then.
    `output` are lines on stdout, `elsewhere` the CPU seconds that other programs took meanwhile (None where the system
    does not tell). With a `problem` the figures are those up to it.
    """

    cpu: float
    wall: float
    memory: int
    floor: bool = False
    output: int = 0
    elsewhere: float | None = None
    runs: int = 1
    problem: str = ""


class Row(msgspec.Struct, frozen=True):
    """A line of a table; `own` runs are the linter's, others those of parsers and tools."""

    label: str
    own: bool
    cost: Cost


class Project(msgspec.Struct, frozen=True):
    """The measurements of one tree. `changes` say what was changed, `imported` which of HEAVY a warm run imports.

    `busy`: how many cores other programs kept from our runs, None where the system does not tell.
    """

    name: str
    files: int
    lines: int
    repeats: int
    busy: float | None
    rows: tuple[Row, ...]
    changes: tuple[str, ...]
    imported: tuple[str, ...]
    sources: str
    """A digest of the linter's own files while this was measured, or that it changed."""

    def cost(self, label: str) -> Cost | None:
        """The cost of a row; None when it is missing or had a problem."""
        found = (row.cost for row in self.rows if row.label == label)
        return next((cost for cost in found if not cost.problem), None)


class Size(msgspec.Struct, frozen=True):
    """One size of a growth measurement: `copies` of one project, or endpoints, linted and only parsed."""

    copies: int
    lines: int
    own: Cost
    parsed: Cost


class Growth(msgspec.Struct, frozen=True):
    """Sizes of trees made of `name`; `busy` and `sources` as in Project."""

    name: str
    busy: float | None
    sizes: tuple[Size, ...]
    sources: str


class StartUp(msgspec.Struct, frozen=True):
    """The costs of `--version` and of `python -c pass`."""

    version: Cost
    python: Cost


class Tool(msgspec.Struct, frozen=True):
    """Another linter: how it was called, its version, or why it is missing."""

    name: str
    called: str
    version: str = ""
    missing: str = ""


class Results(msgspec.Struct):
    """Everything one call measured. `machine` and `program` are whole sentences, `command` is how it was called."""

    machine: str
    program: str
    command: str
    limit: float
    tools: tuple[Tool, ...] = ()
    startup: StartUp | None = None
    projects: list[Project] = []
    growth: Growth | None = None
    endpoints: Growth | None = None
    routers: Growth | None = None


# -------------------------------------------------------------------- budgets


@dataclass(frozen=True)
class Budget:
    """A promise of the design: a figure that is at most `limit`, or at least, where `least` is set."""

    key: str
    text: str
    limit: float
    least: bool = False

    def over(self, figure: float) -> float:
        """How much it is missed by, as a part of the limit; not above zero when it is met."""
        return self.limit / figure - 1 if self.least else figure / self.limit - 1


BUDGETS = (
    Budget("parsing", "cold, one process: CPU ÷ CPU of `libcst.parse_module` (from 100,000 lines)", 0.55),
    Budget("parsing-more", "cold, one process: CPU ÷ CPU of `libcst.parse_module` (from 200,000 lines)", 0.35),
    Budget("cache", "leaving a cache: CPU ÷ cold CPU", 1.07),
    Budget("nothing", "nothing changed: wall ÷ cold wall", 1 / 40),
    Budget("console", "nothing changed, in the default format: wall ÷ cold wall", 1 / 40),
    Budget("plain", "a plain module changed: wall ÷ cold wall", 1 / 10),
    Budget("router", "a router changed: wall ÷ cold wall", 1 / 10),
    Budget("hub", "the module that most import changed: wall ÷ cold wall", 1 / 8),
    Budget("body", "a body in that module changed: wall ÷ cold wall", 1 / 15),
    Budget("two", "two processes: cold wall ÷ wall (from 100,000 lines)", 1.6, least=True),
    Budget("memory", "cold, one process: KiB per line", 0.9),
    Budget("imports", "nothing changed: heavy modules imported (libcst, tree-sitter, rich)", 0),
)
ENDPOINTS = Budget("endpoints", "endpoints in one module: exponent of cold CPU over lines", 1.1)
ROUTERS = Budget("routers", "endpoints in many modules: exponent of cold CPU over lines", 1.1)
GROWTH = Budget("growth", "growth: exponent of cold CPU over lines", 1.05)
STARTUP = Budget("start-up", "`--version`: wall ÷ wall of `python -c pass`", 4)


@dataclass(frozen=True)
class Judged:
    """A figure held against a budget, of a project or of the whole (growth, start-up)."""

    subject: str
    budget: Budget
    figure: float

    @property
    def met(self) -> bool:
        return self.figure >= self.budget.limit if self.budget.least else self.figure <= self.budget.limit

    def shown(self) -> str:
        """The figure, and whether that is enough."""
        if not self.budget.limit:
            return "none, met" if self.met else f"**{self.figure:.0f}: missed**"
        return f"{number(self.figure)}, met" if self.met else f"**{number(self.figure)}: {self.missed()}**"

    def missed(self) -> str:
        """By how much it is missed."""
        over = self.budget.over(self.figure)
        return f"missed by {over:.0%}" if over >= 0.01 else f"missed by {over:.2%}"


def judged(project: Project) -> Iterator[Judged]:
    """What the measurements of a project say about the budgets that can be asked of it."""
    cold = project.cost(COLD)
    if cold is None:
        return
    figures: dict[str, float] = {
        "memory": cold.memory / max(project.lines, 1),
        "imports": len(project.imported),
    }
    for key, label in (
        ("nothing", NOTHING),
        ("console", CONSOLE),
        ("plain", PLAIN),
        ("router", ROUTER),
        ("hub", HUB),
        ("body", BODY),
    ):
        if cost := project.cost(label):
            figures[key] = cost.wall / cold.wall
    if leaving := project.cost(LEAVING):
        figures["cache"] = leaving.cpu / cold.cpu
    if project.lines >= LARGE:
        if parsed := project.cost(LIBCST):
            figures["parsing-more" if project.lines >= VERY_LARGE else "parsing"] = cold.cpu / parsed.cpu
        if two := project.cost(TWO):
            figures["two"] = cold.wall / two.wall
    for budget in BUDGETS:
        if budget.key in figures:
            yield Judged(project.name, budget, figures[budget.key])


def exponent(points: Sequence[tuple[float, float]]) -> float:
    """The slope of the line through the logarithms, by least squares; needs two different sizes."""
    xs = [math.log(x) for x, _ in points]
    ys = [math.log(y) for _, y in points]
    middle_x, middle_y = sum(xs) / len(xs), sum(ys) / len(ys)
    along = sum((x - middle_x) ** 2 for x in xs)
    return sum((x - middle_x) * (y - middle_y) for x, y in zip(xs, ys, strict=True)) / along


def fitted(growth: Growth) -> tuple[float, float] | None:
    """The exponents of our cold run and of libcst alone; None with fewer than two sizes that ended."""
    good = [size for size in growth.sizes if not size.own.problem and not size.parsed.problem]
    if len({size.lines for size in good}) < 2:
        return None
    own = exponent([(size.lines, size.own.cpu) for size in good])
    return own, exponent([(size.lines, size.parsed.cpu) for size in good])


# ------------------------------------------------------------------- the text


def number(value: float) -> str:
    return f"{value:.3f}" if value < 0.2 else f"{value:.2f}"


def grid(heads: Sequence[str], rows: Iterable[Sequence[str]], *, words: bool = False) -> str:
    """A Markdown table, the first column to the left and all others to the right, unless they hold words."""
    lines = [heads, ["---", *("---" if words else "---:" for _ in heads[1:])], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def document(results: Results) -> str:
    """The whole of `speed.md`."""
    best = ", ".join(f"{project.name} {project.repeats}" for project in results.projects)
    parts = [
        "# Speed\n",
        f"Made by `{results.command}`; do not edit.\n",
        f"{results.machine}\n\n{results.program}\n",
        "CPU is user and system time of a command and its child processes, the peak is that of its largest process "
        f"(≤: not above that of the process which measures). Each figure is the best of N runs ({best or 'none'}), "
        "the peak is the highest; a tool that needs more than 20 s is run once. All commands see the same files, "
        "which are in memory by then; ratios are within one run.\n",
    ]
    parts += [f"**{warning}**\n" for warning in doubts(results)]
    judgements = [judgement for project in results.projects for judgement in judged(project)]
    judgements += overall(results)
    if judgements:
        parts.append(f"## Budgets\n\n{summary(results, judgements)}")
    parts += [f"## {project.name}\n\n{tree(project, results)}" for project in results.projects]
    if results.growth:
        parts.append(f"## Growth\n\n{sizes(results.growth)}")
    if results.endpoints:
        parts.append(f"## Endpoints in one module\n\n{sizes(results.endpoints, of_copies=False)}")
    if results.routers:
        parts.append(f"## Endpoints in many modules\n\n{sizes(results.routers, of_copies=False)}")
    if results.startup:
        parts.append(f"## Start-up\n\n{start(results.startup)}")
    if results.tools:
        parts.append(f"## Other tools\n\n{programs(results.tools)}")
    return "\n".join(parts)


def doubts(results: Results) -> Iterator[str]:
    """Why the figures may not be what they seem."""
    loads = [(project.name, project.busy) for project in results.projects]
    curves = [each for each in (results.growth, results.endpoints, results.routers) if each]
    loads += [(f"growth of {each.name}", each.busy) for each in curves]
    if busy := [f"{name} ({cores:.1f} cores)" for name, cores in loads if cores is not None and cores > BUSY]:
        yield f"Other programs ran meanwhile: {', '.join(busy)}. Wall times are too long there, CPU times a little."
    digests = {project.sources for project in results.projects}
    digests |= {each.sources for each in curves}
    if CHANGING in digests or len(digests) > 1:
        yield "The linter's own files changed between or during measurements: they are of different programs."


def overall(results: Results) -> Iterator[Judged]:
    """The budgets that are not about one project."""
    if results.growth and (slopes := fitted(results.growth)):
        yield Judged("growth", GROWTH, slopes[0])
    if results.endpoints and (slopes := fitted(results.endpoints)):
        yield Judged("endpoints", ENDPOINTS, slopes[0])
    if results.routers and (slopes := fitted(results.routers)):
        yield Judged("routers", ROUTERS, slopes[0])
    if results.startup and not (results.startup.version.problem or results.startup.python.problem):
        yield Judged("start-up", STARTUP, results.startup.version.wall / results.startup.python.wall)


def summary(results: Results, judgements: Sequence[Judged]) -> str:
    """Every budget for every project, and below it the missed ones with their reasons."""
    found = {(judgement.subject, judgement.budget.key): judgement for judgement in judgements}
    rows = []
    for budget in BUDGETS:
        cells = (found.get((project.name, budget.key)) for project in results.projects)
        rows.append([budget.text, asked(budget), *(cell.shown() if cell else "—" for cell in cells)])
    text = grid(["budget", "limit", *(project.name for project in results.projects)], rows) if results.projects else ""
    for budget in (GROWTH, ENDPOINTS, ROUTERS, STARTUP):
        if judgement := found.get((budget.key, budget.key)):
            text += f"\n{budget.text}, {asked(budget)}: {judgement.shown()}.\n"
    missed = [judgement for judgement in judgements if not judgement.met]
    if not missed:
        return text + "\nNone is missed.\n"
    rows = [
        [
            judgement.subject,
            judgement.budget.text,
            judgement.shown().strip("*"),
            REASONS.get((judgement.subject, judgement.budget.key), "not given yet"),
        ]
        for judgement in missed
    ]
    return f"{text}\nWhat is missed, and why:\n\n{grid(['of', 'budget', 'measured', 'reason'], rows, words=True)}"


def asked(budget: Budget) -> str:
    if not budget.limit:
        return "none"
    parts = 1 / budget.limit
    limit = f"1/{parts:.0f}" if parts > 2 and math.isclose(parts, round(parts)) else number(budget.limit)
    return f"at {'least' if budget.least else 'most'} {limit}"


def memory(cost: Cost) -> str:
    return f"{'≤ ' if cost.floor else ''}{cost.memory / 1024:.0f}"


def tree(project: Project, results: Results) -> str:
    """The two tables of a project: our runs, and what else was measured over the same files."""
    cold, warm, parsed = project.cost(COLD), project.cost(NOTHING), project.cost(LIBCST)
    findings = f", {cold.output:,} findings" if cold else ""
    text = f"{project.lines:,} lines in {project.files:,} files{findings}.\n\n"
    own: list[list[str]] = []
    others: list[list[str]] = []
    for row in project.rows:
        cost = row.cost
        if cost.problem:
            least = cold.wall / results.limit if cold and cost.problem.startswith("cut off") else None
            below = f"< {number(least)}" if least else ""
            (own if row.own else others).append([row.label, cost.problem, "", "", "", "" if row.own else below, ""])
            continue
        cells = [row.label, f"{cost.cpu:.2f}", f"{cost.wall:.2f}", memory(cost)]
        if row.own:
            to_parsed = number(cost.cpu / parsed.cpu) if parsed else ""
            to_cold = number(cost.wall / cold.wall) if cold else ""
            own.append([*cells, f"{cost.memory / max(project.lines, 1):.2f}", to_parsed, to_cold])
        else:
            ratios = [number(cold.cpu / cost.cpu), number(cold.wall / cost.wall)] if cold else ["", ""]
            others.append([*cells, *ratios, number(warm.wall / cost.wall) if warm else ""])
    text += grid(["fastapi-lint", "CPU s", "wall s", "peak MiB", "KiB per line", "CPU ÷ libcst", "wall ÷ cold"], own)
    heads = ["others", "CPU s", "wall s", "peak MiB", "our cold CPU ÷ its", "our cold wall ÷ its"]
    others += [[tool.name, f"not installed: {tool.missing}", *[""] * 5] for tool in results.tools if tool.missing]
    text += "\n" + grid([*heads, "our wall with nothing changed ÷ its"], others)
    text += "".join(f"\n{change}\n" for change in project.changes)
    heavy = " and ".join(project.imported) or f"none of {', '.join(HEAVY)}"
    return f"{text}\nWith nothing changed it imports {heavy}.\n"


def sizes(growth: Growth, *, of_copies: bool = True) -> str:
    """The table of a growth and its exponents."""
    rows = []
    for size in growth.sizes:
        own, parsed = size.own, size.parsed
        cells = [own.problem, "", ""] if own.problem else [f"{own.cpu:.2f}", memory(own), f"{own.output:,}"]
        ended = not own.problem and not parsed.problem
        ratio = number(own.cpu / parsed.cpu) if ended else ""
        rows.append([f"{size.lines:,}", str(size.copies), *cells, parsed.problem or f"{parsed.cpu:.2f}", ratio])
    heads = [
        "lines",
        "copies" if of_copies else "endpoints",
        "cold CPU s",
        "peak MiB",
        "findings",
        "libcst CPU s",
        "CPU ÷ libcst",
    ]
    what = f"Copies of {growth.name}, each as packages of other names whose imports lead to themselves"
    if not of_copies:
        what = f"An app whose endpoints stand in {growth.name}, each with three findings"
    text = f"{what}; one process, no cache.\n\n{grid(heads, rows)}"
    if slopes := fitted(growth):
        text += (
            f"\nLeast-squares exponent of CPU over lines (1 is linear): {slopes[0]:.3f}; "
            f"libcst alone: {slopes[1]:.3f}. Both count their start-up, which the small sizes feel.\n"
        )
    largest = [(size.lines, size.own.cpu) for size in growth.sizes if not size.own.problem][-2:]
    if len(largest) == 2:
        slope = exponent(largest)
        text += f"\nBetween the two largest alone it is {slope:.3f}.\n"
    return text


def start(startup: StartUp) -> str:
    """The start-up table."""
    rows = [
        [label, cost.problem or f"{cost.cpu * 1000:.0f}", f"{cost.wall * 1000:.0f}", memory(cost)]
        for label, cost in (("`fastapi-lint --version`", startup.version), ("`python -c pass`", startup.python))
    ]
    return grid(["", "CPU ms", "wall ms", "peak MiB"], rows)


def programs(tools: Sequence[Tool]) -> str:
    """Which other tools were measured, and how they were called."""
    rows = [
        [tool.name, tool.version or f"not installed: {tool.missing}", f"`{tool.called}`" if tool.version else ""]
        for tool in tools
    ]
    return grid(["tool", "version", "called"], rows, words=True) + "\nRuff and Fixit use all cores, the others one.\n"
