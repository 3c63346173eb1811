"""What CodeQL's FastAPI file marks as coming from the client, put into places where ours speaks of such data.

Their `taint_test.py` calls `ensure_tainted(...)` and `ensure_not_tainted(...)`; each argument is put, in memory, into
each of the `SINKS` in its place, one file a sink. An expression is found when one of them is reported there.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from pathlib import Path

from fastapi_lint.run.story import lint_sources

SINKS: dict[str, tuple[str, str]] = {
    "sql": ("FAPI507", "theirs.execute(sqlalchemy.text(f'SELECT {EXPR}'))"),
    "command": ("FAPI623", "os.system(f'ls {EXPR}')"),
    "path": ("FAPI619", "open(f'data/{EXPR}')"),
    "address": ("FAPI621", "httpx.get(f'http://{EXPR}/')"),
}
"""A rule about data of the client, and a statement about which it speaks."""
BEFORE = "import os, httpx, sqlalchemy; theirs = sqlalchemy.create_engine('sqlite://').connect(); "


@dataclass
class Input:
    """An expression, whether it is theirs to report, and the sinks in which ours reports it."""

    line: int
    text: str
    is_tainted: bool
    is_missed_by_them: bool
    sinks: list[str] = field(default_factory=list)


def inputs(text: str) -> list[tuple[ast.Expr, list[Input]]]:
    """The statements that say what is tainted, and the expressions in them."""
    lines = text.splitlines()
    found = []
    for statement in ast.walk(ast.parse(text)):
        if not isinstance(statement, ast.Expr) or not isinstance(call := statement.value, ast.Call):
            continue
        if isinstance(call.func, ast.Name) and call.func.id in ("ensure_tainted", "ensure_not_tainted"):
            found.append(
                (
                    statement,
                    [
                        Input(
                            each.lineno,
                            ast.unparse(each),
                            call.func.id == "ensure_tainted",
                            "MISSING" in lines[each.lineno - 1],
                        )
                        for each in call.args
                    ],
                )
            )
    return sorted(found, key=lambda pair: pair[0].lineno)


def with_sink(text: str, statement: str) -> str:
    """The file with each expression in the sink, each on the line on which it stands."""
    lines = text.splitlines()
    for place, expressions in inputs(text):
        indent = " " * place.col_offset
        for number in range(place.lineno, (place.end_lineno or place.lineno) + 1):
            lines[number - 1] = ""
        for each in expressions:
            put = each.text.replace("'", '"')
            lines[each.line - 1] = indent + statement.replace("EXPR", put)
    lines[0] = BEFORE + lines[0]
    return "\n".join(lines) + "\n"


def compare_inputs(folder: Path, *, shows_lines: bool) -> int:
    file = next(iter(sorted(folder.rglob("taint_test.py"))))
    text = file.read_text(encoding="utf-8")
    expressions = {each.line: each for _, several in inputs(text) for each in several}
    for name, (code, statement) in SINKS.items():
        found = lint_sources({"main.py": with_sink(text, statement).encode()}, select=("all",)).findings
        for line in {each.span.line for each in found if each.code == code}:
            if line in expressions:
                expressions[line].sinks.append(name)
    tainted = [each for each in expressions.values() if each.is_tainted]
    wrong = [each for each in expressions.values() if not each.is_tainted and each.sinks]
    print("| theirs | found | missed | not tainted, yet reported | theirs find of them |\n|---:|---:|---:|---:|---:|")
    hits = [each for each in tainted if each.sinks]
    theirs = sum(not each.is_missed_by_them for each in tainted)
    print(f"| {len(tainted)} | {len(hits)} | {len(tainted) - len(hits)} | {len(wrong)} | {theirs} |")
    for each in expressions.values() if shows_lines else ():
        kind = "tainted" if each.is_tainted else "not tainted"
        print(f"    {each.line}: {each.text}: {kind}, reported in {', '.join(each.sinks) or 'none'}")
    return 0
