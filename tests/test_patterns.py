"""No regular expression of the linter is super-linear on text that strangers write.

Every pattern of every module, of the configuration's schema, of the secrets' catalogue and of the rules' hints, and
those that are made while the fixtures are linted and fixed, are run on texts made to be their worst: each part that may
repeat, repeated for long, with an end that does not match. It happens in a process that is ended when a pattern uses
more processor time than linear ones ever need and quadratic ones exceed many times over.
"""

from __future__ import annotations

import ast
import importlib
import linecache
import pkgutil
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

if sys.version_info >= (3, 11):
    from re import _constants as codes  # type: ignore[attr-defined]
    from re import _parser as parser  # type: ignore[attr-defined]
else:
    import sre_constants as codes
    import sre_parse as parser

ROOT = Path(__file__).resolve().parent.parent
LENGTH = 20_000
"""Characters of one text. A quadratic pattern needs some 10^8 to 10^9 steps for it."""
LIMIT = 8
"""Seconds of processor time for one pattern and all its texts; a linear one needs a small part of one."""
OWN = {
    "fastapi_lint.docs.documentation._MARK",
    "fastapi_lint.docs.site.linking._PARTS",
    "fastapi_lint.docs.site.precision._TRUE",
}
"""Patterns that read the linter's own fixtures and documents only."""
ENDS = ("", "\0", "!", "\n", " x", "\nx")

Pattern = re.Pattern[str] | re.Pattern[bytes]


def patterns() -> dict[str, Pattern]:
    """Every compiled pattern by the place it is kept at."""
    import fastapi_lint
    from fastapi_lint.catalog.secrecy.secrets import tokens
    from fastapi_lint.config.schema import schema
    from fastapi_lint.run.story import rules

    found: dict[str, Pattern] = {}
    for module in pkgutil.walk_packages(fastapi_lint.__path__, "fastapi_lint."):
        if module.name.endswith("__main__"):
            continue
        for name, value in vars(importlib.import_module(module.name)).items():
            if isinstance(value, re.Pattern):
                found[f"{module.name}.{name}"] = value
    for rule in rules():
        if rule.hint is not None:
            found[f"hint of {rule.code}"] = rule.hint
    for number, token in enumerate(tokens()):
        found[f"secrets.toml: tokens[{number}]"] = re.compile(token.pattern)
    for text in re.findall(r"'pattern': ('[^']+')", str(schema())):
        text = ast.literal_eval(text)
        found[f"configuration: {text}"] = re.compile(text)
    assert found.keys() >= OWN
    return {place: pattern for place, pattern in found.items() if place not in OWN}


def made_patterns() -> dict[str, Pattern]:
    """The patterns that functions make of what they read, and search for: one for each place in the code.

    Those at the top of a module are among `patterns`; those that are only ever matched at one place are left out.
    """
    from linting import examples

    from fastapi_lint.run.story import lint_sources

    found: dict[str, Pattern] = {}
    package = str(ROOT / "src" / "fastapi_lint")
    compiling = re._compile  # type: ignore[attr-defined]

    def noting(pattern: Any, flags: int) -> Any:
        made = compiling(pattern, flags)
        frame = sys._getframe(2)
        if frame.f_code.co_filename.startswith(package) and frame.f_code.co_name != "<module>":
            line = linecache.getline(frame.f_code.co_filename, frame.f_lineno)
            if not re.search(r"re\.(match|fullmatch)\(|^ +is_\w+ = ", line):
                found[f"{frame.f_code.co_filename[len(package) + 1 :]}:{frame.f_lineno}"] = made
        return made

    re._compile = noting  # type: ignore[attr-defined]
    try:
        for example in (each for name in ("bad.py", "good.py", "more/*.py") for each in examples(name)):
            lint_sources(example.files(), select=("all",), fix=example.fixed.exists(), unsafe=True)
    finally:
        re._compile = compiling  # type: ignore[attr-defined]
    return found


def attacks(pattern: Pattern, length: int = LENGTH) -> Iterator[str]:
    """Texts on which a careless pattern takes long: each part that may repeat, repeated, and so its beginnings."""
    source = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    flags = pattern.flags & ~re.UNICODE
    for before, body in _repeats(parser.parse(source, flags), ""):
        for end in ENDS:
            yield before + body * (length // len(body)) + end
        whole = before + body
        yield whole * (length // len(whole))
        spaced = f"{whole}{body * 3} "
        yield spaced * (length // len(spaced))


def _repeats(parsed: Any, before: str) -> Iterator[tuple[str, str]]:
    """The parts that may repeat without end: what must stand before, and one turn of the part."""
    for operation, argument in parsed:
        if operation in (codes.MAX_REPEAT, codes.MIN_REPEAT, getattr(codes, "POSSESSIVE_REPEAT", None)):
            _, most, inner = argument
            if most > 100:
                for body in _samples(inner):
                    yield before, body
            yield from _repeats(inner, before)
        elif operation is codes.SUBPATTERN:
            yield from _repeats(argument[-1], before)
        elif operation is codes.BRANCH:
            for branch in argument[1]:
                yield from _repeats(branch, before)
        before += _sample([(operation, argument)])


def _samples(parsed: Any) -> list[str]:
    """A few texts that a part matches, none of them empty."""
    if len(parsed) == 1 and parsed[0][0] is codes.BRANCH:
        found = [_sample(branch) for branch in parsed[0][1][1]]
    elif len(parsed) == 1 and parsed[0][0] is codes.IN:
        found = [chr(code) for code in (97, 65, 32, 48, 95, 46, 92) if _is_in(parsed[0][1], code)] or [_sample(parsed)]
    else:
        found = [_sample(parsed)]
    return [text for text in found if text]


def _sample(parsed: Any) -> str:
    """One text that a parsed pattern matches, as short as it gets (look-arounds and references left out)."""
    text = ""
    for operation, argument in parsed:
        if operation is codes.LITERAL:
            text += chr(argument)
        elif operation in (codes.NOT_LITERAL, codes.ANY):
            text += "a" if argument != 97 else "b"
        elif operation is codes.IN:
            text += next(chr(code) for code in chain((97, 65, 32, 48), range(0x110000)) if _is_in(argument, code))
        elif operation is codes.BRANCH:
            text += _sample(argument[1][0])
        elif operation is codes.SUBPATTERN:
            text += _sample(argument[-1])
        elif operation in (codes.MAX_REPEAT, codes.MIN_REPEAT):
            text += _sample(argument[2]) * argument[0]
    return text


def _is_in(members: Any, code: int) -> bool:
    negated = members[0][0] is codes.NEGATE
    categories = {codes.CATEGORY_DIGIT: r"\d", codes.CATEGORY_SPACE: r"\s", codes.CATEGORY_WORD: r"\w"}
    categories |= {codes.CATEGORY_NOT_DIGIT: r"\D", codes.CATEGORY_NOT_SPACE: r"\S", codes.CATEGORY_NOT_WORD: r"\W"}
    for operation, argument in members[1:] if negated else members:
        if (
            (operation is codes.LITERAL and argument == code)
            or (operation is codes.RANGE and argument[0] <= code <= argument[1])
            or (operation is codes.CATEGORY and re.match(categories[argument], chr(code)))
        ):
            return not negated
    return negated


@cache
def _called() -> dict[str, set[str]]:
    """The methods that are called on each name of the linter's code."""
    found: dict[str, set[str]] = {}
    for path in (ROOT / "src").rglob("*.py"):
        for name, method in re.findall(r"\b(\w+)\.(\w+)\(", path.read_text(encoding="utf-8")):
            found.setdefault(name, set()).add(method)
    return found


def uses(place: str) -> set[str]:
    """How the linter uses a pattern: "match" where only `match` and `fullmatch` are called, else "search" too."""
    called = _called().get(place.rpartition(".")[2])
    return {"match"} if called and called <= {"match", "fullmatch", "pattern"} else {"match", "search"}


def run() -> None:
    """Try everything; each pattern is named before its turn, so that a killed process has said where it was."""
    for place, pattern in patterns().items():
        print(place, flush=True)
        searched = "search" in uses(place)
        signal.setitimer(signal.ITIMER_PROF, LIMIT)  # ends the process: no pattern can be interrupted otherwise
        for text in dict.fromkeys(attacks(pattern)):
            data: Any = text if isinstance(pattern.pattern, str) else text.encode("latin-1", "replace")
            pattern.match(data)
            pattern.fullmatch(data)
            if searched:
                for _ in pattern.finditer(data):
                    pass


def run_made() -> None:
    """The same for `made_patterns`. They search whole functions, and a mild square needs a longer text to be seen."""
    for place, pattern in made_patterns().items():
        print(place, flush=True)
        signal.setitimer(signal.ITIMER_PROF, LIMIT)
        for text in dict.fromkeys(attacks(pattern, 8 * LENGTH)):
            data: Any = text if isinstance(pattern.pattern, str) else text.encode("latin-1", "replace")
            for _ in pattern.finditer(data):
                pass


@pytest.mark.slow
@pytest.mark.parametrize("what", ["run", "run_made"])
@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="limits processor time with a signal")
def test_patterns_are_linear(what: str) -> None:
    command = [sys.executable, "-c", f"import test_patterns; test_patterns.{what}()"]
    environment = {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT / 'tests'}", "PATH": ""}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    tried = done.stdout.splitlines() or ["the first pattern"]
    assert done.returncode == 0, f"{tried[-1]} took too long or failed: {done.stderr}"
    assert len(tried) > {"run": 50, "run_made": 30}[what]


def test_the_attacks_are_real() -> None:
    texts = set(attacks(re.compile(r"x(?:[ab]+c)*\d+z")))
    assert any(text.startswith("xacac") for text in texts)
    assert any(text.startswith("x0000") and text[-1] == "\0" for text in texts)
