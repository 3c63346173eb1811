"""The cases of evloop-lint and fastapi-evloop-linter: programs in the texts of their tests, which block or do not.

Nothing of theirs is imported or run: the texts are read out of the syntax trees of the test files, and what is expected
out of what stands around them. A case that shall be reported agrees when ours reports anything of `CODES` in it; where
the test names lines, on one of these lines; one that shall not, when ours is silent. A program without FastAPI is
served by an application, as in `peers.py`. Cases made by loops, and tests of their inner functions, are left out.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fastapi_lint.finding import Finding
from fastapi_lint.run.story import lint_sources

CODES: dict[str, tuple[str, ...]] = {
    "": ("FAPI101", "FAPI102", "FAPI104", "FAPI501"),
    "EVL001": ("FAPI101", "FAPI102", "FAPI501"),
    "EVL002": ("FAPI101", "FAPI102"),
    "EVL011": ("FAPI101", "FAPI102", "FAPI501"),
    "EVL004": ("FAPI103",),
    "EVL003": ("FAPI101", "FAPI102"),
}
"""What ours says where theirs says this; `""` where theirs has no codes."""
_ASYNC = re.compile(r"^async def (\w+)", re.MULTILINE)
_NO_FAULTS = re.compile(r"NEGATIVE|NOISE")


@dataclass(frozen=True)
class Case:
    name: str
    files: dict[str, str]
    code: str
    is_fault: bool
    lines: tuple[int, ...] = ()


def _literal(node: ast.expr) -> object:
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "textwrap.dedent":
        inner = _literal(node.args[0])
        return textwrap.dedent(inner) if isinstance(inner, str) else None
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None


def of_projects(file: Path) -> Iterator[Case]:
    """Cases of evloop-lint: `r = run_project({path: text})`, and what is asserted of `r` after it."""
    for test in ast.parse(file.read_text(encoding="utf-8")).body:
        files: dict[str, str] = {}
        for node in ast.walk(test) if isinstance(test, ast.FunctionDef) else ():
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "run_project" and node.args:
                found = _literal(node.args[0])
                files = found if isinstance(found, dict) else {}
        for each in test.body if files and isinstance(test, ast.FunctionDef) else ():
            said = ast.unparse(each)
            codes = re.findall(r"EVL\d+", said)
            if isinstance(each, ast.Assert) and not codes and (numbers := re.search(r"== \{([\d, ]+)\}", said)):
                yield Case(test.name, files, "EVL001", True, tuple(map(int, numbers[1].split(","))))
            elif isinstance(each, ast.Assert) and codes and codes[0] in CODES:
                line = re.search(r"line=(\d+)", said)
                is_fault = not said.startswith("assert not")
                yield Case(test.name, files, codes[0], is_fault, (int(line[1]),) if line else ())


def of_texts(file: Path) -> Iterator[Case]:
    """Cases of fastapi-evloop-linter: each text of a program, told apart by what stands around it."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or "async def " not in node.value:
            continue
        text = textwrap.dedent(node.value)
        around: list[ast.AST] = [node]
        while around[-1] in parents:
            around.append(parents[around[-1]])
        if isinstance(around[1], (ast.Expr, ast.JoinedStr)) or "import" not in text:
            continue
        name, is_fault = f"{file.name}:{node.lineno}", True
        for each in around[1:]:
            if isinstance(each, ast.Call) and ast.unparse(each.func) == "TestCase":
                given = {keyword.arg: _literal(keyword.value) for keyword in each.keywords}
                name, is_fault = str(given["name"]), bool(given["expected_violations"])
            elif isinstance(each, ast.Tuple) and isinstance(_literal(each.elts[0]), str):
                name = str(_literal(each.elts[0]))
                last = _literal(each.elts[-1])
                is_fault = is_fault and (not isinstance(last, (bool, int)) or bool(last))
            elif isinstance(each, (ast.Assign, ast.AnnAssign)):
                target = ast.unparse(each).split("=")[0].strip()
                if _NO_FAULTS.search(target) or (target == "CASES" and "noise" in file.name):
                    is_fault = False
            elif isinstance(each, ast.FunctionDef):
                name = each.name if each.name.startswith("test_") else name
                is_fault = is_fault and "assert_clean(" not in ast.unparse(each)
        yield Case(name, {"main.py": text}, "", is_fault)


def reported(case: Case) -> list[Finding]:
    """What ours says of a case."""
    files = {path: text.encode() for path, text in case.files.items()}
    everything = "\n".join(case.files.values())
    if "fastapi import" not in everything and "import fastapi" not in everything:
        main = "app/main.py" if "app/main.py" in case.files else next(iter(case.files))
        module = main.removesuffix(".py").replace("/", ".")
        names = _ASYNC.findall(case.files[main])
        served = "".join(f'served.get("/{name}")(theirs.{name})\n' for name in names)
        start = f"import {module} as theirs\nfrom fastapi import FastAPI\n\nserved = FastAPI()\n"
        files["zz_served.py"] = (start + served).encode()
    return [each for each in lint_sources(files, select=("all",)).findings if each.code in CODES[case.code]]


def compare_cases(folder: Path, *, shows_lines: bool) -> int:
    print("| file | cases that block | found | missed | cases that do not | silent | reported |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    total = [0] * 6
    for file in sorted(folder.rglob("*.py")):
        cases = [*of_projects(file), *(of_texts(file) if "run_project" not in file.read_text(encoding="utf-8") else ())]
        shown: list[tuple[str, Case, list[Finding]]] = []
        row = [0] * 6
        for case in cases if "src" not in file.relative_to(folder).parts else ():
            found = [each for each in reported(case) if not case.lines or each.span.line in case.lines]
            row[0 if case.is_fault else 3] += 1
            is_right = bool(found) == case.is_fault
            row[(1 if is_right else 2) if case.is_fault else (4 if is_right else 5)] += 1
            if not is_right:
                shown.append(("missed" if case.is_fault else "reported", case, found))
        if not any(row):
            continue
        total = [one + two for one, two in zip(total, row, strict=True)]
        print(f"| {file.name} | {' | '.join(map(str, row))} |")
        for kind, case, found in shown if shows_lines else ():
            said = "; ".join(f"{each.code} {each.span.line} {each.message}" for each in found)
            print(f"    {kind} {case.name} {case.code} {said}")
    print(f"| all | {' | '.join(map(str, total))} |")
    return 0 if sum(total) else 1
