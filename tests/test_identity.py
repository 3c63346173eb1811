"""Two files with equal bytes are two files: a copy gets what the original gets in its place, and nobody else anything.

Facts are made once for equal content, so whatever goes by the identity of a fact mixes up such files. What a copy has
to get is known without asking how: the same as a file at its place that differs in a blank line at the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from linting import examples

from fastapi_lint.finding import Finding
from fastapi_lint.run.story import lint_sources
from fastapi_lint.testing.reading import Example

pytestmark = pytest.mark.slow

EXAMPLES = [*examples("bad.py"), *examples("more/*.py")]
FOLDERS = sorted({example.folder.name for example in EXAMPLES})
SECOND = "zz_second/"

Said = tuple[object, ...]


def found(files: Mapping[str, bytes]) -> tuple[Finding, ...]:
    """Everything that is reported; no rule may fail."""
    result = lint_sources(files, select=("all",))
    assert [notice.message for notice in result.notices if notice.code] == []
    return result.findings


def said(findings: Iterable[Finding]) -> list[Said]:
    """Findings by path: where, what, with which trail and which fix."""
    return sorted((each.path, repr(each)) for each in findings)


def places(findings: Iterable[Finding], *, second: bool) -> list[Said]:
    """What is reported in the first or the second service, by place: messages name paths and modules."""
    return sorted(
        (each.path.removeprefix(SECOND), repr(each.span), each.code)
        for each in findings
        if each.path.startswith(SECOND) == second
    )


def is_python(path: str) -> bool:
    return path.endswith((".py", ".pyi"))


def different(path: str, content: bytes) -> bytes:
    """Other bytes that say the same."""
    return content + b"\n" if is_python(path) else content


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_second_service_of_copies_stands_for_itself(folder: str) -> None:
    for example in EXAMPLES:
        if example.folder.name != folder:
            continue
        files = example.files()
        both = {**files, **{SECOND + path: content for path, content in files.items()}}
        control = {**files, **{SECOND + path: different(path, content) for path, content in files.items()}}
        in_both = found(both)
        if example.path.name == "bad.py":  # of the others, the next test draws some
            assert said(in_both) == said(found(control)), f"{example}: equal bytes make a difference"
        alone = places(found(files), second=False)
        assert places(in_both, second=False) == alone, f"{example}: a copy elsewhere changes what the original gets"
        assert places(in_both, second=True) == alone, f"{example}: the copy does not get what the original gets"


@given(
    st.lists(st.sampled_from(EXAMPLES), min_size=1, max_size=3, unique_by=str),
    st.integers(min_value=1, max_value=3),
    st.data(),
)
@settings(max_examples=60, deadline=None)
def test_copies_under_other_names_get_what_stands_there(chosen: list[Example], count: int, data: st.DataObject) -> None:
    files: dict[str, bytes] = {}
    for number, example in enumerate(chosen):
        files.update({f"service{number}/{path}": content for path, content in example.files().items()})
    sources = sorted(path for path in files if is_python(path))
    copies: dict[str, str] = {}
    for number in range(count):
        original = data.draw(st.sampled_from(sources))
        folder = data.draw(st.sampled_from(sorted({path.rpartition("/")[0] for path in sources})))
        name = data.draw(st.sampled_from([f"copied_{number}.py", f"copied_{number}/{original.rpartition('/')[2]}"]))
        copies[f"{folder}/{name}"] = original
    equal = {**files, **{path: files[original] for path, original in copies.items()}}
    control = {**files, **{path: different(path, files[original]) for path, original in copies.items()}}
    assert said(found(equal)) == said(found(control))
