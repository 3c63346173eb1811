"""`new-rule --plugin` writes a plugin that runs, and whose test says what is left to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastapi_lint.testing import fixtures
from plugins.projects import Runs, configured


@pytest.mark.parametrize("src", [True, False])
def test_a_rule_of_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], src: bool
) -> None:
    package = f"scaffolded_{src}".lower()
    monkeypatch.chdir(tmp_path)
    run = Runs(capsys)
    configured(tmp_path, package)
    place = f"src/{package}" if src else package
    if src:
        (tmp_path / "src").mkdir()
    made = ["fixtures/SCAF001-odd-route/bad.py", "fixtures/SCAF001-odd-route/good.py", f"tests/test_{package}.py"]
    arguments = ["new-rule", "--plugin", "--package", package, "SCAF001", "odd-route"]
    assert sorted(run(*arguments)) == sorted([f"{place}/__init__.py", f"{place}/odd_route.py", *made])
    assert f'plugins = ["{package}"]' in run.err
    assert run.found("--select", "SCAF001", "main.py") == ["main.py:6:2 SCAF001", "main.py:11:2 SCAF001"]
    bad, good = fixtures(tmp_path / "fixtures", plugins=[package])
    bad.check()
    with pytest.raises(AssertionError, match=r"false alarm: good\.py:6: SCAF001 TODO: what is wrong"):
        good.check()
    assert run(*arguments) == []
    assert (run.code, "exists already" in run.err) == (2, True)
    assert len(run("new-rule", "--plugin", "--package", package, "SCAF002", "odd-app")) == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--plugin", "FAPI999", "odd-route"], "'FAPI999' is not made of letters of your own and digits"),
        (["--plugin", "acme1", "odd-route"], "'acme1' is not made of letters of your own and digits"),
        (["--plugin", "ACME1", "Odd Route"], "'Odd Route' is not made of words in lower case"),
        (["--plugin", "--package", "a-b", "ACME1", "odd"], "'a-b' is not the name of a package"),
        (["--plugin", "ACME1"], "new-rule takes --plugin with a code and a name, or the code of a planned rule alone"),
        (["FAPI301", "odd"], "new-rule takes --plugin with a code and a name"),
        (["FAPI301"], "(--plugin is for rules of your own)"),
    ],
)
def test_what_no_rule_can_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    run = Runs(capsys)
    assert run("new-rule", *arguments) == []
    assert (run.code, said in run.err) == (2, True), run.err
    assert list(tmp_path.iterdir()) == []
