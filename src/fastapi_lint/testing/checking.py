"""Checks fixtures: what is found in them, what stays quiet, and what a fix writes. Raises `AssertionError`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fastapi_lint.finding import Finding
from fastapi_lint.rule import Rule
from fastapi_lint.run.plugins.bringing import named
from fastapi_lint.testing.linting import linted
from fastapi_lint.testing.reading import Example, examples, expectations, is_to_bless


@dataclass(frozen=True)
class Fixture:
    """One file of a folder of fixtures: `bad.py`, `good.py`, or one of `more/`. Its text names folder and file."""

    example: Example
    rules: tuple[Rule, ...] = ()

    def __str__(self) -> str:
        return str(self.example)

    def check(self) -> None:
        """Raise `AssertionError` with all that is wrong with it."""
        name = self.example.path.name if self.example.path.parent == self.example.folder else ""
        {"bad.py": check_bad, "good.py": check_good}.get(name, check_more)(self.example, self.rules)


def fixtures(folder: str | Path, *, plugins: Sequence[str] = ()) -> list[Fixture]:
    """Every file in the folders of rules below one, to be checked with the rules of plugins beside those that ship.

    `plugins` are as in the configuration: modules, which Python or the current directory (or `src` in it) has, or names
    of entry points. Raises `ConfigurationError` for a plugin that cannot be used, `ValueError` for a folder without
    fixtures.
    """
    root = Path(folder)
    found = [each for pattern in ("bad.py", "good.py", "more/*.py") for each in examples(root, pattern)]
    if not found:
        raise ValueError(f"{root} holds no folder such as ACME001-name-of-the-rule with a bad.py in it")
    rules = named(plugins, Path.cwd())
    return [Fixture(example, rules) for example in sorted(found, key=str)]


def check_bad(example: Example, rules: Sequence[Rule] = ()) -> None:
    """What is announced in a `bad.py` and its project is found, and all that; what its fix writes is its `fixed.py`."""
    files = example.files()
    if not any(wanted.code == example.code for content in files.values() for wanted in expectations(content)):
        raise AssertionError(f"{example} expects nothing of {example.code}: `# expect: {example.code} words of it`")
    findings = linted(files, rules=rules, select=example.select)[0]
    wrong = [line for path, content in files.items() for line in compare(findings, path, content)]
    lacking = [each.title for each in findings if each.code == example.code and not (each.why and each.instead)]
    wrong += [f"a message says what is wrong, why, and what to do instead: {title}" for title in lacking]
    _raise(wrong)
    left = check_fixes(example, findings, rules)
    _raise([f"the fix leaves {each.title}" for each in left if each.code == example.code])


def check_good(example: Example, rules: Sequence[Rule] = ()) -> None:
    """Nothing is found in a `good.py`, and nothing expected."""
    if expectations(example.content):
        raise AssertionError(f"{example} expects something; it is the program written well")
    _raise(compare(linted(example.files(), rules=rules, select=example.select)[0], example.place, b""))


def check_more(example: Example, rules: Sequence[Rule] = ()) -> None:
    """What an edge case announces is found, and nothing else; what its fixes write is its `NAME.fixed.py`."""
    findings = linted(example.files(), rules=rules, select=example.select)[0]
    _raise(compare(findings, example.place, example.content))
    check_fixes(example, findings, rules)


def compare(findings: Sequence[Finding], path: str, content: bytes) -> list[str]:
    """What is wrong with the findings in one file, a line each: missed alarms, false alarms."""
    left = [finding for finding in findings if finding.path == path]
    wrong = []
    for wanted in expectations(content):
        if met := next((finding for finding in left if wanted.met_by(finding)), None):
            left.remove(met)
        else:
            wrong.append(f"missed alarm: {path}:{wanted.line}: {wanted.code} ...{wanted.part}...")
    wrong += [f"false alarm: {path}:{each.span.line}: {each.code} {each.message}" for each in left]
    return wrong


def check_fixes(example: Example, findings: Sequence[Finding], rules: Sequence[Rule] = ()) -> list[Finding]:
    """What is left in an example after its fixes, which must write what the folder holds and nothing in a second run.

    With `FASTAPI_LINT_BLESS=1` the folder is made to hold what they write.
    """
    bless = is_to_bless()
    wanted = example.wanted
    if not (bless or wanted is not None or any(each.fix for each in findings)):
        return []  # nothing can be written
    before, place = example.files(), example.place
    _, after = linted(before, rules=rules, select=example.select, fixing=True)
    if bless:
        example.bless(after[place] if after[place] != before[place] else None)
        wanted = example.wanted
    if wanted is None:
        _raise([f"{example} was rewritten, and there is no {example.fixed.name}"] * (after[place] != before[place]))
        return []
    if wanted == before[place]:
        raise AssertionError(f"{example.fixed} is no different")
    if after[place] != wanted:
        raise AssertionError(f"{example.fixed} is not what the fix writes:\n{after[place].decode()}")
    left, again = linted(after, rules=rules, select=example.select, fixing=True)
    wrong = ["fixing again changes it again"] * (again != after)
    wrong += ["the result does not parse" for each in left if each.path == place and each.code == "FAPI001"]
    _raise([f"{example}: {each}" for each in wrong])
    return [each for each in left if each.path == place]


def _raise(wrong: Sequence[str]) -> None:
    if wrong:
        raise AssertionError("\n".join(wrong))
