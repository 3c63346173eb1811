"""Baselines: what is known stays silent when lines move, what is new is reported, what is gone is counted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from face.fakes import finding
from fastapi_lint.config.schema import ConfigurationError
from fastapi_lint.files.source import Source
from fastapi_lint.suppressing import baseline

BEFORE = {"app.py": Source("app.py", b"a = 1\nb = 2\n")}
AFTER = {"app.py": Source("app.py", b"# moved\n\na = 1\nb = 2\n")}


def test_moved_findings_are_known(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    baseline.write(file, baseline.remember([finding(line=1), finding(line=2)], BEFORE))
    compared = baseline.load(file).filter([finding(line=3), finding("FAPI202", line=4)], AFTER)
    assert (compared.known, compared.new, compared.fixed) == ((finding(line=3),), (finding("FAPI202", line=4),), 1)


def test_only_what_was_looked_at_counts_as_fixed() -> None:
    known = baseline.remember([finding(line=1), finding("FAPI202", line=2)], BEFORE)
    assert known.filter([], {}).fixed == 2
    assert known.filter([], {}, checked={"other.py"}).fixed == 0
    assert known.filter([], {}, codes={"FAPI202"}).fixed == 1


def test_equal_findings_count() -> None:
    twice = {"app.py": Source("app.py", b"a = 1\na = 1\n")}
    known = baseline.remember([finding(line=1)], twice)
    assert len(known.filter([finding(line=1), finding(line=2)], twice).new) == 1


def test_nothing_of_the_source_is_written() -> None:
    secret = {"app.py": Source("app.py", b"a = 'hunter2'\n")}
    text = baseline.dumps(baseline.remember([finding()], secret))
    assert "hunter2" not in text
    assert set(json.loads(text)["findings"][0]) == {"path", "code", "fingerprint"}
    assert baseline.loads(text, "x") == baseline.remember([finding()], secret)
    assert baseline.loads(baseline.dumps(baseline.Baseline(())), "x") == baseline.Baseline(())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "f.json:1: not a baseline"),
        ("[" * 100_000, "f.json: not a baseline: nested too deeply"),
        ("[]", "f.json: not a baseline of fastapi-lint; write one with --write-baseline"),
        ('{"tool": "fastapi-lint", "version": 9}', "a baseline of version 9, expected 1"),
        ('{"tool": "fastapi-lint", "version": 1}', "`findings` is no array"),
        ('{"tool": "fastapi-lint", "version": 1, "findings": [3]}', "findings[0]: expected strings"),
        ('{"tool": "fastapi-lint", "version": 1, "findings": [{"path": 1}]}', "findings[0]: expected strings"),
    ],
)
def test_bad_files(text: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        baseline.loads(text, "f.json")
    assert message in str(caught.value)


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="the baseline cannot be read: No such file"):
        baseline.load(tmp_path / "none.json")
    (tmp_path / "x.json").write_bytes(b"\xff")
    with pytest.raises(ConfigurationError, match="not valid UTF-8"):
        baseline.load(tmp_path / "x.json")
    with pytest.raises(ConfigurationError, match="the baseline cannot be written: No such file"):
        baseline.write(tmp_path / "none" / "x.json", baseline.Baseline(()))
    (tmp_path / "full").mkdir()
    with pytest.raises(ConfigurationError, match="cannot be written"):
        baseline.write(tmp_path / "full", baseline.Baseline(()))
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
