"""Any bytes in, no exception out: index, rules, fixes, suppressions, settings and baselines over hostile input."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from fuzz.mutations import anything, declarations, fuzzed, modules, projected, projects
from fuzz.properties import fix_and_judge, judge
from hypothesis import given
from hypothesis import strategies as st

from fastapi_lint.config.schema import KEYS, ConfigurationError
from fastapi_lint.config.settings import load
from fastapi_lint.config.vocabulary import Vocabulary
from fastapi_lint.files.source import Source, Unreadable
from fastapi_lint.index.build import build
from fastapi_lint.index.facts import Facts
from fastapi_lint.run.story import lint_sources, planned, rules
from fastapi_lint.suppressing import baseline
from fastapi_lint.suppressing.suppression import directives


@fuzzed
@given(anything)
def test_index(data: bytes) -> None:
    try:
        utf8 = Source("main.py", data).utf8
    except Unreadable:
        return
    facts = build(utf8)
    assert isinstance(facts, Facts)
    places = [(each.start, each.end) for table in (facts.functions, facts.classes, facts.calls) for each in table]
    assert all(0 <= start <= end <= len(utf8) for start, end in (*places, *facts.errors))


@fuzzed
@given(projects, declarations)
def test_every_rule(files: dict[str, bytes], declared: dict[str, bytes]) -> None:
    judge(lint_sources({**files, **declared}, select=("all",)), files)


@fuzzed
@given(projects, st.booleans())
def test_fixes(files: dict[str, bytes], unsafe: bool) -> None:
    fix_and_judge(files, unsafe=unsafe)


@fuzzed
@given(anything)
def test_suppressions(data: bytes) -> None:
    source = Source("main.py", data)
    for directive in directives(source):
        assert source.text[directive.start] == "#"
        assert directive.start < directive.end <= directive.comment[1] <= len(source.text)


_value = st.recursive(
    st.one_of(
        st.booleans(),
        st.integers(-3, 3),
        st.sampled_from(
            ("recommended", "FAPI1", "fapi201", ">=0.1", "..", "/x", "src", "", "console", "a.b", "network", "\x7f")
        ),
        st.text(max_size=8),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from((*KEYS, "name", "kind", "python", "FAPI601", "x", "")), inner, max_size=3),
    ),
    max_leaves=8,
)


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value)


_tables = st.dictionaries(st.sampled_from((*KEYS, "selct")), _value, max_size=4).map(
    lambda table: "".join(f"{key} = {_toml(value)}\n" for key, value in table.items()).encode("utf-8", "replace")
)


@fuzzed
@given(st.one_of(_tables, st.binary(max_size=200)), st.sampled_from(("fastapi-lint.toml", "pyproject.toml")))
def test_settings(data: bytes, name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / name).write_bytes(b"[tool.fastapi-lint]\n" + data if name == "pyproject.toml" else data)
        try:
            settings = load(root, known=Vocabulary(rules(), planned()), cwd=root)
        except ConfigurationError as error:
            assert str(error).startswith(str(root / name)), "the message names the file"
            return
        assert settings.baseline is None or (root / settings.baseline).resolve().is_relative_to(root.resolve())


_entry = st.dictionaries(
    st.sampled_from(("path", "code", "fingerprint", "x")), st.one_of(st.text(max_size=5), st.none())
)
_baselines = st.fixed_dictionaries(
    {"tool": st.sampled_from(("fastapi-lint", "x", 1)), "version": st.sampled_from((1, 2, "1", None, 1.0))},
    optional={"findings": st.one_of(st.lists(st.one_of(_entry, st.integers()), max_size=3), st.text(max_size=3))},
).map(json.dumps)


@fuzzed
@given(st.one_of(_baselines, st.text(max_size=100), st.sampled_from(("[" * 100_000, '{"a":' * 100_000))))
def test_baselines(text: str) -> None:
    try:
        found = baseline.loads(text, "b.json")
    except ConfigurationError as error:
        assert str(error).startswith("b.json")
        return
    assert baseline.loads(baseline.dumps(found), "again") == found


@pytest.mark.parametrize(
    "data", [b"", b"\xef\xbb\xbf", b"\xff", b"\0", b"\\", b"#", b"\r", b"\f", b"'", b"\xef\xbb\xbf\0"]
)
def test_the_smallest_files(data: bytes) -> None:
    judge(lint_sources({"main.py": data}, select=("all",), fix=True, unsafe=True), {"main.py": data})


@pytest.mark.parametrize(
    ("before", "after"),
    [(b"", b"\n# \xff"), (b"", b"\n\0"), (b"# coding: klingon\n", b""), (b"# coding: ascii\n", "\n# é".encode())],
    ids=["utf-8", "nul", "unknown", "ascii"],
)
def test_files_that_cannot_be_decoded(before: bytes, after: bytes) -> None:
    """Whatever else is in them; coverage-guided fuzzing found rules that asked for their text nevertheless."""
    for data in modules():
        files = {"main.py": before + data + after}
        judge(lint_sources(files, select=("all",)), files)


def test_a_fix_that_happens_to_mend_a_file() -> None:
    """It did not parse before: nobody can say which imports it used."""
    fix_and_judge({"main.py": b"import os\nJWT_SECRET = os.getenv('JWT_SECRET', 'secret') = ''\n"}, unsafe=True)


@fuzzed
@given(anything)
def test_any_bytes_are_a_project(data: bytes) -> None:
    files = projected(data)
    assert sum(map(len, files.values())) <= len(data)
    assert all(not Path(name).is_absolute() and ".." not in Path(name).parts for name in files)


def test_a_project_in_bytes() -> None:
    data = b"x = 1\n# file: app/main.py\ny = 2\n# file: ../no.py\n# file: deps.pyi\n"
    assert projected(data) == {"main.py": b"x = 1\n", "app/main.py": b"y = 2\n# file: ../no.py\n", "deps.pyi": b""}
