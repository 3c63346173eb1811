"""Rules of plugins are rules like ours: found, configured, silenced, reported, cached; and what mistakes cost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import fastapi_lint
from fastapi_lint.config.schema import OUTPUT_FORMATS
from plugins.projects import APP, HEAD, Runs, a_rule, configured, written

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(fastapi_lint.__file__).parent.parent)}
WRITE = "main.py:6:2 ACME001"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Runs:
    monkeypatch.chdir(tmp_path)
    return Runs(capsys)


# ---------------------------------------------------------------- where plugins are


@pytest.mark.parametrize(
    ("place", "name", "more"),
    [
        ("lint_one.py", "lint_one", ""),
        ("src/lint_two.py", "lint_two", ""),
        ("backend/lint_three.py", "lint_three", 'src = ["backend"]'),
        ("lint_four/__init__.py", "lint_four", ""),
        ("lint_five/deep/writes.py", "lint_five", ""),
        ("lint_six/writes.py", "lint_six.writes", ""),
    ],
)
def test_modules_of_the_project_are_found(run: Runs, tmp_path: Path, place: str, name: str, more: str) -> None:
    configured(tmp_path, name, more=more)
    written(tmp_path, {place: HEAD + a_rule()})
    if "deep" in place:
        written(
            tmp_path, {"lint_five/__init__.py": "", "lint_five/deep/__init__.py": "", "lint_five/__main__.py": "1/0"}
        )
    assert run.found() == [WRITE]
    assert run.code == 1
    assert not list(tmp_path.rglob("*.pyc")), "nothing is written beside the plugin"
    assert str(tmp_path) not in sys.path


def test_a_plugin_lies_beside_the_configuration_that_names_it(run: Runs, tmp_path: Path) -> None:
    written(
        tmp_path, {"lint.toml": 'plugins = ["lint_shared"]\nselect = ["ACME"]\n', "lint_shared.py": HEAD + a_rule()}
    )
    written(tmp_path / "service", {"main.py": APP, "fastapi-lint.toml": 'extend = "../lint.toml"\n'})
    assert run.found("service") == ["service/main.py:6:2 ACME001"]


def test_plugins_of_two_configurations_are_added(run: Runs, tmp_path: Path) -> None:
    configured(tmp_path, "lint_added_one", more='extend = "lint.toml"', lint_added_one=HEAD + a_rule())
    second = HEAD + a_rule("OTHER1", "written_too")
    written(tmp_path, {"lint.toml": 'plugins = ["lint_added_two"]', "lint_added_two.py": second})
    assert run.found() == [WRITE, "main.py:6:2 OTHER1"]


def test_the_command_line_may_name_one(run: Runs, tmp_path: Path) -> None:
    written(tmp_path, {"main.py": APP, "lint_said.py": HEAD + a_rule()})
    assert run.found() == []
    assert run.found("--config", 'plugins = ["lint_said"]', "--select", "ACME001") == [WRITE]


@pytest.fixture
def installed(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package of the environment with an entry point."""
    folder = tmp_path_factory.mktemp("environment")
    info = {"METADATA": "Metadata-Version: 2.1\nName: acme\nVersion: 1\n"}
    info["entry_points.txt"] = (
        "[fastapi_lint.rules]\nacme-lint = acme_installed.rules\nacme_bad = acme_installed:rules\n"
    )
    written(folder, {f"acme-1.dist-info/{name}": text for name, text in info.items()})
    written(folder, {"acme_installed/__init__.py": "", "acme_installed/rules.py": HEAD + a_rule()})
    monkeypatch.syspath_prepend(str(folder))
    yield folder
    for name in [name for name in sys.modules if name.partition(".")[0] == "acme_installed"]:
        del sys.modules[name]


def test_an_entry_point_runs_only_when_it_is_named(run: Runs, tmp_path: Path, installed: Path) -> None:
    configured(tmp_path)
    assert run.found() == []
    assert "acme_installed" not in sys.modules
    for name in ("acme-lint", "acme_installed", "acme_installed.rules"):
        assert run.found("--config", f'plugins = ["{name}"]') == [WRITE], name
    assert run.found("--config", 'plugins = ["acme-lint", "acme_installed"]') == [WRITE], "the same rule twice is one"
    assert run.found("--config", 'plugins = ["acme_bad"]') == []
    assert (run.code, "it has to name a module and nothing in it" in run.err) == (2, True)


def test_projects_of_their_own_have_their_own_plugins(run: Runs, tmp_path: Path) -> None:
    for name, word in (("one", "first"), ("two", "second")):
        text = HEAD + a_rule(body=f'yield check.finding(subject, "{word}")')
        configured(tmp_path / name, "lint_of_project", more='select = ["ACME"]', lint_of_project=text)
    run.found()
    assert ["first" in line for line in run.out.splitlines()] == [True, True, False, False]
    assert ["second" in line for line in run.out.splitlines()] == [False, False, True, True]


def test_nothing_of_the_project_is_imported_that_is_not_named(run: Runs, tmp_path: Path) -> None:
    trap = "raise SystemExit('imported')\n"
    configured(
        tmp_path, "lint_careful", lint_careful=HEAD + "import colorsys\n\n\n" + a_rule(), colorsys=trap, noxfile=trap
    )
    assert run.found() == [WRITE]
    configured(tmp_path, "lint_careless", lint_careless=HEAD + "import noxfile\n\n\n" + a_rule())
    sys.modules.pop("noxfile", None)
    assert run.found() == []
    assert "No module named 'noxfile'; of the project only what `plugins` names can be imported" in run.err


# ---------------------------------------------------------------- configured and silenced


@pytest.mark.parametrize(
    ("more", "found"),
    [
        ('select = ["ACME"]', [WRITE]),
        ('select = ["acme0"]', [WRITE]),
        ('select = ["write-without-permission"]', [WRITE]),
        ('select = ["FAPI1"]', []),
        ('ignore = ["ACME001"]', []),
        ('ignore = ["ACME"]\nextend-select = ["ACME001"]', [WRITE]),
        ('[per-file-ignores]\n"main.py" = ["ACME"]', []),
        ("[rules.ACME001]\nmethods = ['DELETE']", []),
        ("[rules.write-without-permission]\nmethods = ['GET']", ["main.py:11:2 ACME001"]),
    ],
)
def test_selection_and_options(run: Runs, tmp_path: Path, more: str, found: list[str]) -> None:
    body = 'if check.names("methods") & {*subject.methods}:\n    yield check.finding(subject, "writes")'
    text = HEAD + a_rule(arguments=', options={"methods": ("POST",)}', body=body)
    configured(tmp_path, "lint_selected", more=more, lint_selected=text)
    assert run.found() == found, run.err


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('select = ["ACME002"]', "select: unknown rule 'ACME002'; did you mean ACME001 (write-without-permission)?"),
        ('select = ["ACM"]', "select: unknown rule 'ACM'; did you mean ACME001 (write-without-permission)?"),
        ('ignore = ["write-without-permision"]', "did you mean ACME001 (write-without-permission)?"),
        ("[rules.ACME001]\nmethod = 'x'", "rules.ACME001: unknown option 'method'; did you mean 'methods'?"),
        ("[rules.ACME001]\nmethods = 1", "rules.ACME001.methods: expected an array of strings, found the integer 1"),
        ('plugins = "x"', "plugins: expected an array"),
    ],
)
def test_misspelt_words_are_errors(run: Runs, tmp_path: Path, more: str, said: str) -> None:
    configured(tmp_path, "lint_misspelt", lint_misspelt=HEAD + a_rule(arguments=', options={"methods": ("POST",)}'))
    text = more if more.startswith("plugins") else f'plugins = ["lint_misspelt"]\n{more}'
    written(tmp_path, {"fastapi-lint.toml": text})
    assert run.found() == []
    assert run.code == 2
    assert said in run.err


def test_severity_decides_the_exit_code(run: Runs, tmp_path: Path) -> None:
    configured(tmp_path, "lint_severe", more='[severity]\nACME = "info"', lint_severe=HEAD + a_rule())
    assert (run.found(), run.code) == ([WRITE], 0)


@pytest.mark.parametrize("comment", ["# noqa: ACME001", "# fastapi-lint: ignore[ACME001]", "# noqa", "# noqa: acme001"])
def test_comments_silence(run: Runs, tmp_path: Path, comment: str) -> None:
    configured(tmp_path, "lint_silenced", lint_silenced=HEAD + a_rule())
    written(tmp_path, {"main.py": APP.replace("_code=201)", f"_code=201)  {comment}")})
    assert run.found() == []


def test_comments_that_silence_nothing_are_found(run: Runs, tmp_path: Path) -> None:
    configured(tmp_path, "lint_spare", lint_spare=HEAD + a_rule())
    comments = "# noqa: ACME001, OTHER1", "# noqa: ACME009", "# fastapi-lint: ignore[OTHER1]"
    for comment in comments:
        written(tmp_path, {"main.py": APP.replace('"/orders")', f'"/orders")  {comment}')})
        assert run.found("--ignore", "ACME001") in (["main.py:11:22 FAPI002"], []) if "ACME001" in comment else True
        assert run.found() == [WRITE, "main.py:11:22 FAPI002"], comment
    written(tmp_path, {"fastapi-lint.toml": "", "main.py": APP.replace('"/orders")', '"/orders")  # noqa: ACME009')})
    assert run.found() == [], "without the plugin it is a code of another tool"


def test_a_baseline_and_noqa_comments_are_written(run: Runs, tmp_path: Path) -> None:
    configured(tmp_path, "lint_known", lint_known=HEAD + a_rule())
    run("--write-baseline", "known.json")
    assert '"code": "ACME001"' in (tmp_path / "known.json").read_text()
    assert run.found("--baseline", "known.json") == []
    written(tmp_path, {"ruff.toml": '[lint]\nexternal = ["FAPI"]\n'})
    run("--add-noqa")
    assert 'add `external = ["ACME"]` to [lint]' in run.err
    assert "status_code=201)  # noqa: ACME001\n" in (tmp_path / "main.py").read_text()
    assert run.found() == []


# ---------------------------------------------------------------- reported


@pytest.mark.parametrize("format", OUTPUT_FORMATS)
def test_every_format_has_it(run: Runs, tmp_path: Path, format: str) -> None:
    configured(tmp_path, "lint_formats", lint_formats=HEAD + a_rule())
    run("--output-format", format)
    assert (run.code, "ACME001" in run.out) == (1, True)
    assert "rules.md#acme" not in run.out


def test_pages_and_documentation_are_in_the_reports(run: Runs, tmp_path: Path) -> None:
    text = a_rule(
        arguments=', page="https://acme.test/001"', doc="A route writes.\n\n    Why is this bad?\n    So.\n    "
    )
    configured(tmp_path, "lint_paged", lint_paged=HEAD + text)
    folder = "fixtures/ACME001-write-without-permission"
    written(tmp_path, {f"{folder}/bad.py": "bad = 1  # expect: ACME001 x\n", f"{folder}/good.py": "good = 1\n"})
    run("main.py", "--output-format", "sarif")
    (described,) = [
        rule for rule in json.loads(run.out)["runs"][0]["tool"]["driver"]["rules"] if rule["id"] == "ACME001"
    ]
    assert described["helpUri"] == "https://acme.test/001"
    assert "bad = 1" in described["help"]["markdown"]
    run("main.py", "--output-format", "json")
    assert json.loads(run.out)[0]["url"] == "https://acme.test/001"
    assert "ACME001" in "".join(run("rules"))
    assert "Why is this bad?" in "".join(run("rule", "acme001"))
    assert "bad = 1  # ACME001" in run.out
    assert "ACME001" not in "".join(run("rules", "--isolated"))
    assert "     1  ACME001  write-without-permission" in run("--statistics", "main.py")[0]
    assert 'plugins = ["lint_paged"]' in run("config")


# ---------------------------------------------------------------- the cache, and processes


def test_a_change_of_the_plugin_is_seen_at_once(run: Runs, tmp_path: Path) -> None:
    package = configured(tmp_path, "lint_kept", more='select = ["ACME"]', lint_kept__words='WORD = "first"\n')
    text = a_rule(body="yield check.finding(subject, WORD)")
    written(package, {"lint_kept/__init__.py": HEAD + "from lint_kept.words import WORD\n\n" + text})
    for word in ("first", "other", "first", "again"):  # of one length, and within one second
        written(package, {"lint_kept/words.py": f'WORD = "{word}"\n'})
        for _ in range(2):
            run.found()
            assert [word in line for line in run.out.splitlines()] == [True, True], run.err


def test_what_the_cache_knows_executes_nothing(run: Runs, tmp_path: Path) -> None:
    text = HEAD + "from pathlib import Path\n\nPath('ran').touch()\n\n\n" + a_rule()
    configured(tmp_path, "lint_cached", lint_cached=text)
    command = [sys.executable, "-m", "fastapi_lint", "--output-format", "concise", "-q"]
    first = subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True)
    assert (first.returncode, (tmp_path / "ran").exists()) == (1, True), first.stderr
    (tmp_path / "ran").unlink()
    second = subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True)
    assert (second.stdout, second.stderr, (tmp_path / "ran").exists()) == (first.stdout, first.stderr, False)


def test_several_processes_find_the_same(run: Runs, tmp_path: Path) -> None:
    configured(tmp_path, "lint_shared_out", lint_shared_out=HEAD + a_rule())
    written(tmp_path, {f"part{number}.py": APP for number in range(6)})
    program = (
        "from fastapi_lint.run import indexing\nindexing.WORTH_PROCESSES = 0\n"
        "from fastapi_lint.cli.main import run_command_line\n"
        "raise SystemExit(run_command_line(['--jobs', '2', '--no-cache', '-q', '--output-format', 'concise']))\n"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.stdout.count("ACME001") == 7, done.stderr
    run.found("--jobs", "1", "--no-cache")
    assert run.out == done.stdout


# ---------------------------------------------------------------- mistakes


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "import lint_no_such_thing\n",
            "cannot be imported: ModuleNotFoundError: No module named 'lint_no_such_thing'",
        ),
        ("1 / 0\n", "cannot be imported: ZeroDivisionError: division by zero ["),
        ("raise SystemExit(3)\n", "cannot be imported: SystemExit: 3"),
        ("def broken(:\n", "cannot be imported: SyntaxError"),
        ("x = 1\n", "lint_wrong has no rule: no function with `@rule(...)`"),
        (HEAD + a_rule("FAPI999"), "rule FAPI999 (write-without-permission): the code FAPI999 begins with FAPI, which"),
        (HEAD + a_rule("ALL1"), "the code ALL1 begins with ALL, which is taken"),
        (HEAD + a_rule("acme1"), "the code 'acme1' is not made of capital letters and digits, such as ACME001"),
        (HEAD + a_rule("ACME"), "the code 'ACME' is not made of capital letters and digits"),
        (HEAD + a_rule(name="Writes"), "its name is 'Writes', after its function"),
        (HEAD + a_rule(name="strict"), "its name is 'strict', after its function"),
        (HEAD + a_rule(name="blocking_call_in_async"), "is called 'blocking-call-in-async', as FAPI101 is; rename it"),
        (HEAD + a_rule(arguments=', preset="all"'), "its preset is 'all'; there are 'recommended' and 'strict'"),
        (HEAD + a_rule(arguments=', severity="error"'), "its severity must be a `Severity`"),
        (HEAD + a_rule(arguments=", options={'x': 1.5}"), "the default of its option 'x' is no boolean"),
        (HEAD + a_rule(arguments=", words='post'"), "TypeError: words of rule ACME001 is the string 'post'"),
        (HEAD + a_rule(arguments=", hint='('"), "cannot be imported: error: missing )"),
        (HEAD + a_rule(doc=""), "it has no docstring; the first line of that is its summary"),
        (HEAD + a_rule(subject="Rout"), "the annotation of its first parameter cannot be read: NameError"),
        (HEAD + a_rule(subject="str"), "<class 'str'> is neither of libcst nor one of App, Class, Depends"),
        (HEAD + a_rule(subject="cst.BaseExpression"), "is BaseExpression, which no node is by itself"),
        (HEAD + a_rule(subject="cst.Call | Route"), "mixes subjects of the project with nodes of libcst"),
        (HEAD + a_rule(subject="Route, check2: int"), "its function must take a subject"),
        (HEAD + a_rule() + a_rule("ACME001", "other_name"), "share the code ACME001"),
        (HEAD + a_rule() + "first = write_without_permission\n" + a_rule("ACME002"), "share the name 'write-with"),
    ],
)
def test_what_cannot_be_used_is_an_error(run: Runs, tmp_path: Path, text: str, said: str) -> None:
    configured(tmp_path, "lint_wrong", lint_wrong=text)
    assert run.found() == []
    assert run.code == 2
    assert f"{tmp_path}/fastapi-lint.toml: plugin 'lint_wrong'" in run.err
    assert said in run.err
    assert "mistake of fastapi-lint" not in run.err


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("lint_nowhere", "plugin 'lint_nowhere': there is no module of this name in"),
        ("json", "plugin 'json': the module 'json' is a part of Python, and no plugin"),
        ("fastapi_lint.rules", "the module 'fastapi_lint' is a part of fastapi-lint, and no plugin"),
        ("rich", "the module 'rich' is a part of fastapi-lint, and no plugin"),
        ("lint-dashed", "there is no module of this name"),
    ],
)
def test_names_that_lead_nowhere(run: Runs, tmp_path: Path, name: str, said: str) -> None:
    configured(tmp_path, name)
    assert (run.found(), run.code) == ([], 2)
    assert said in run.err


def test_a_clash_names_both_plugins(run: Runs, tmp_path: Path) -> None:
    second = HEAD + a_rule("ACME001", "something_else")
    configured(tmp_path, "lint_left", "lint_right", lint_left=HEAD + a_rule(), lint_right=second)
    assert (run.found(), run.code) == ([], 2)
    assert "plugins 'lint_left' and 'lint_right' both have a rule with the code ACME001" in run.err


def test_a_module_that_runs_already_is_not_replaced(run: Runs, tmp_path: Path) -> None:
    configured(tmp_path, "plugins", plugins=HEAD + a_rule())  # the name of the package of these tests
    assert (run.found(), run.code) == ([], 2)
    assert "the name 'plugins' is taken by" in run.err
    assert "plugins.projects" in sys.modules


def test_a_broken_plugin_does_not_hide_our_rules(run: Runs, tmp_path: Path) -> None:
    configured(tmp_path, "lint_hidden", lint_hidden="1 / 0\n")
    assert "FAPI101" in "".join(run("rules"))
    assert "warning: rules of plugins are not known here: " in run.err
    assert "blocking-call-in-async" in "".join(run("rule", "FAPI101"))
    assert (run.code, run.err) == (0, "")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('yield check.finding(subject, "writes")\nraise ValueError("no")', "failed with ValueError: no"),
        ("return [1]", "yields 1, which is no finding of ACME001"),
        ("return None", "failed with TypeError"),
    ],
)
def test_a_rule_that_raises_costs_its_own_subject(run: Runs, tmp_path: Path, body: str, said: str) -> None:
    text = HEAD + a_rule(body=f'if "POST" in subject.methods:\n    {body.splitlines()[-1]}\nreturn iter(())')
    text += a_rule("ACME002", "also_a_write")
    configured(tmp_path, "lint_raising", lint_raising=text)
    assert run.found() == ["main.py:6:2 ACME002"]
    assert run.code == 2
    assert f"rule ACME001 (write-without-permission) {said}" in run.err or said in run.err


def test_a_fix_that_is_none_costs_itself(run: Runs, tmp_path: Path) -> None:
    text = HEAD + a_rule(arguments=", fix=Safety.SAFE", body='yield check.finding(subject, "x", fix=lambda: 1)')
    configured(tmp_path, "lint_fixing", more='select = ["ACME"]', lint_fixing=text)
    assert run.found("--fix") == [WRITE, "main.py:11:2 ACME001"]
    assert (run.code, "its fixes here are missing" in run.err) == (2, True)
