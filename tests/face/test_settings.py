"""The configuration: where it is found, what it may say, and what is said about mistakes."""

from __future__ import annotations

import json
import pickle
import tempfile
from dataclasses import replace
from importlib import resources
from pathlib import Path

import pytest

from face.fakes import PLANNED, RULES
from fastapi_lint.cli.commands import as_toml
from fastapi_lint.config.layers import Said, override
from fastapi_lint.config.schema import KEYS
from fastapi_lint.config.selection import severities, unfixable
from fastapi_lint.config.settings import (
    ConfigurationError,
    Settings,
    common_start,
    ignored_by_path,
    load,
    nested,
    schema,
    selected,
)
from fastapi_lint.config.vocabulary import Vocabulary
from fastapi_lint.run.registry import is_new

EVERYTHING = """
select = ["recommended", "FAPI3"]
extend-select = ["missing-tags"]
ignore = ["FAPI202", "FAPI105"]
exclude = ["out"]
extend-exclude = ["generated/*.py"]
src = ["src", "."]
baseline = "lint/baseline.json"
output-format = "concise"
fix = true
unsafe-fixes = false
force-exclude = true
respect-gitignore = false
fixable = ["all"]
unfixable = ["FAPI3"]
preview = true
fail-on = "info"
max-warnings = 4
blocking = [
    { name = "pkg.slow", kind = "network", weight = "short", why = "waits", instead = "pkg.fast" },
    { name = "pkg.Client", methods = ["get_*"], except = ["get_name"], when = "arguments", unless = { block = false } },
]
taint = [
    { kind = "sink", name = "acme.shell.run", takes = ["0", "command"], danger = "shell" },
    { kind = "source", name = "acme.Message", attributes = { "text()" = "message" } },
]

[per-file-ignores]
"tests/*" = ["FAPI201"]
"!src/**" = ["missing-status-code"]

[severity]
FAPI2 = "error"
missing-tags = "info"

[target-versions]
python = ">=3.10"
fastapi = ">=0.115, <1"

[rules.missing-status-code]
methods = ["post", "put"]
depth = 4
loud = true
word = "y"
"""


def read(tmp_path: Path, text: str, name: str = "fastapi-lint.toml") -> Settings:
    (tmp_path / name).write_text(text, encoding="utf-8")
    return load(tmp_path, known=Vocabulary(RULES, PLANNED), cwd=tmp_path)


def test_everything(tmp_path: Path) -> None:
    settings = read(tmp_path, EVERYTHING)
    assert settings.select == ("recommended", "FAPI3")
    assert settings.extend_select == ("missing-tags",)
    assert settings.ignore == ("FAPI202", "FAPI105")
    assert settings.per_file_ignores == {"tests/*": ("FAPI201",), "!src/**": ("missing-status-code",)}
    assert (settings.exclude, settings.extend_exclude, settings.src) == (("out",), ("generated/*.py",), ("src", "."))
    assert settings.rules == {"FAPI301": {"methods": ("post", "put"), "depth": 4, "loud": True, "word": "y"}}
    assert settings.target_versions == {"python": ">=3.10", "fastapi": ">=0.115, <1"}
    slow, client = settings.blocking
    assert slow == {"name": "pkg.slow", "kind": "network", "weight": "short", "why": "waits", "instead": "pkg.fast"}
    assert (client["methods"], client["except"], client["unless"]) == (("get_*",), ("get_name",), {"block": False})
    sink, source = settings.taint
    assert sink == {"kind": "sink", "name": "acme.shell.run", "takes": ("0", "command"), "danger": "shell"}
    assert source["attributes"] == {"text()": "message"}
    assert (settings.output_format, settings.fix, settings.baseline) == ("concise", True, "lint/baseline.json")
    assert pickle.loads(pickle.dumps(settings)) == settings


def test_what_config_prints_is_read_back(tmp_path: Path) -> None:
    settings = read(tmp_path, EVERYTHING)
    assert read(tmp_path, as_toml(settings)) == settings


def test_pyproject(tmp_path: Path) -> None:
    settings = read(tmp_path, '[tool.fastapi-lint]\npreset = "strict"\n', "pyproject.toml")
    assert settings.select == ("recommended", "strict")
    assert (settings.root, settings.file) == (tmp_path, tmp_path / "pyproject.toml")


def test_nearest_file_counts_and_marks_the_root(tmp_path: Path) -> None:
    inner = tmp_path / "service" / "app"
    inner.mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text("[tool.fastapi-lint]\nfix = true\n")
    (tmp_path / "service" / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    assert load(inner, cwd=tmp_path).root == tmp_path
    (tmp_path / "service" / ".fastapi-lint.toml").write_text("unsafe-fixes = true\n")
    settings = load(inner, cwd=tmp_path)
    assert (settings.root, settings.fix, settings.unsafe_fixes) == (tmp_path / "service", False, True)


def test_a_configuration_extends_another(tmp_path: Path) -> None:
    service = tmp_path / "services" / "a"
    service.mkdir(parents=True)
    shared = (
        "ignore = ['FAPI201', 'FAPI301']\nunfixable = ['FAPI0']\nmax-warnings = 3\nextend-exclude = ['gen']\n"
        "[per-file-ignores]\n'tests/*' = ['FAPI2']\n[rules.FAPI301]\ndepth = 4\n[severity]\nFAPI3 = 'error'\n"
    )
    (tmp_path / "shared.toml").write_text(shared)
    text = (
        "extend = '../../shared.toml'\nextend-select = ['FAPI301']\nignore = ['FAPI202']\nextend-exclude = ['old']\n"
        "[per-file-ignores]\n'docs/*' = ['FAPI3']\n[rules.FAPI301]\nloud = true\n"
    )
    settings = read(service, text)
    assert (settings.root, settings.file) == (service, service / "fastapi-lint.toml")
    assert (settings.ignore, settings.extend_select) == (("FAPI201", "FAPI202"), ("FAPI301",))
    assert (settings.extend_exclude, settings.unfixable, settings.max_warnings) == (("gen", "old"), ("FAPI0",), 3)
    assert settings.per_file_ignores == {"tests/*": ("FAPI2",), "docs/*": ("FAPI3",)}
    assert (settings.rules, settings.severity) == ({"FAPI301": {"depth": 4, "loud": True}}, {"FAPI3": "error"})
    assert read(service, "extend = '../../shared.toml'\npreset = 'strict'\n").ignore == (), "selected anew"
    for text, said in (
        ("extend = '../none.toml'", f"{service / 'fastapi-lint.toml'}: extend: no such file: '../none.toml'"),
        ("extend = 'fastapi-lint.toml'", "extends .*, which has no end"),
        ("extend = 3", "extend: expected"),
    ):
        with pytest.raises(ConfigurationError, match=said):
            read(service, text)
    (tmp_path / "shared.toml").write_text("ignore = ['FAPI299']\n")
    with pytest.raises(ConfigurationError, match=r"shared\.toml: ignore: unknown rule 'FAPI299'"):
        read(service, "extend = '../../shared.toml'\n")


def test_projects_of_their_own(tmp_path: Path) -> None:
    """What a run from the top takes for a project of its own is what a run inside of it takes for its root."""
    for name, text in {
        "a/pyproject.toml": "[project]\nname = 'a'\n",
        "b/fastapi-lint.toml": "ignore = ['FAPI201']\n",
        "c/main.py": "",
        "work/pyproject.toml": "[tool.uv.workspace]\nmembers = ['packages/*']\nexclude = ['packages/old']\n",
        "work/packages/api/pyproject.toml": "[project]\nname = 'api'\n",
        "work/packages/old/pyproject.toml": "[project]\nname = 'old'\n",
        "beside/one/pyproject.toml": "[tool.poetry.dependencies]\ntwo = { path = '../two', develop = true }\n",
        "beside/two/pyproject.toml": "[project]\nname = 'two'\n",
        "shop/orders/pyproject.toml": "[project]\nname = 'orders'\n",
        "shop/orders/app/main.py": "import os\nfrom shared.db import session\n",
        "shop/users/pyproject.toml": "[project]\nname = 'users'\n",
        "shop/users/app/main.py": "from app import main\n",
        "shop/shared/db.py": "session = None\n",
        "{{cookiecutter.name}}/pyproject.toml": "[tool.fastapi-lint]\nignore = [{{ ignored }}]\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / ".git").mkdir()
    top = load(tmp_path, known=Vocabulary(RULES), cwd=tmp_path)

    def own(name: str, around: Settings = top, *, isolated: bool = False) -> Settings | None:
        return nested(tmp_path / name, around, isolated=isolated, known=Vocabulary(RULES))

    for name, root in {
        "a": "a", "b": "b", "work": "work", "work/packages/api": "work", "work/packages/old": "work/packages/old",
        "beside/one": "beside", "beside/two": "beside/two", "shop/orders": "shop", "shop/users": "shop",
    }.items():  # fmt: skip
        assert load(tmp_path / name, cwd=tmp_path / name).root == tmp_path / root
        found = own(name)
        assert (None if found is None else found.root) == (tmp_path / root if root == name else None), name
    service = own("b")
    assert service is not None
    assert service.ignore == ("FAPI201",)
    assert own("b", isolated=True) is None
    assert own("{{cookiecutter.name}}") is None, "that is no TOML yet"
    assert own("a", Settings(root=tmp_path, file=tmp_path / "pyproject.toml")) is None, (
        "what is configured is one project"
    )


def test_a_configuration_that_does_not_count_is_known(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.fastapi-lint]\nselect = ['nonsense']\n")
    assert read(tmp_path, "fix = true\n").unread == ("pyproject.toml",)
    assert read(tmp_path, "fix = true\n", ".fastapi-lint.toml").unread == ("fastapi-lint.toml", "pyproject.toml")
    (tmp_path / "pyproject.toml").write_text("[tool.ruff]\n# fastapi-lint\n")
    (tmp_path / "fastapi-lint.toml").unlink()
    assert load(tmp_path, cwd=tmp_path).unread == ()


def test_severities_fixes_and_new_rules() -> None:
    settings = Settings(
        root=Path(), severity={"recommended": "info", "FAPI2": "error", "depends-on-call-result": "warning"},
        fixable=("FAPI2", "FAPI301"), unfixable=("FAPI20", "FAPI301"),
    )  # fmt: skip
    said = severities(settings, RULES)
    assert {code: severity.value for code, severity in said.items()} == {
        "FAPI001": "info", "FAPI002": "info", "FAPI201": "error", "FAPI202": "warning", "FAPI301": "info",
    }  # fmt: skip
    assert unfixable(settings, RULES) == {rule.code for rule in RULES}
    assert unfixable(Settings(root=Path(), unfixable=("all",), fixable=("FAPI201",)), RULES) == {
        rule.code for rule in RULES if rule.code != "FAPI201"
    }
    assert unfixable(Settings(root=Path()), RULES) == frozenset()
    new = replace(RULES[2], is_new=True)
    for select, preview, chosen in (
        (("ALL",), False, False), (("FAPI2",), False, False), (("FAPI201",), False, True),
        ((new.name,), False, True), (("recommended",), True, True),
    ):  # fmt: skip
        assert selected(Settings(root=Path(), select=select, preview=preview), [new]) == ((new,) if chosen else ())
    assert (is_new("0.1.0", "0.1.0"), is_new("0.2.0", "0.1.0"), is_new("0.2.1", "0.2.3")) == (False, False, False)
    assert (is_new("0.3.0", "0.2.0"), is_new("0.3.0", "0.3.4"), is_new("0.3.0", "0.4.0")) == (True, True, False)


def test_root_without_configuration(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    assert load(inner, isolated=True, cwd=tmp_path / "a").root == tmp_path / "a"
    (inner / ".git").mkdir()
    assert load(inner, cwd=tmp_path / "a").root == inner


def test_config_elsewhere_does_not_move_the_root(tmp_path: Path) -> None:
    (tmp_path / "ci").mkdir()
    (tmp_path / "app").mkdir()
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "ci" / "lint.toml").write_text("fix = true")
    settings = load(tmp_path / "app", config=Path("ci/lint.toml"), cwd=tmp_path)
    assert (settings.root, settings.fix) == (tmp_path, True)


@pytest.mark.parametrize("where", ["home", "temporary"])
def test_the_home_directory_is_no_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    inner = tmp_path / "shop"
    inner.mkdir()
    assert load(inner, cwd=tmp_path).root == tmp_path
    if where == "home":
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("USERPROFILE", str(tmp_path))
    else:
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert load(inner, cwd=tmp_path).root == inner
    assert load(inner, isolated=True, cwd=tmp_path).root == inner


def test_common_start(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "x.py").write_text("")
    assert common_start([Path("a/x.py"), Path("a/b")], tmp_path) == tmp_path / "a"
    assert common_start([Path("a/x.py")], tmp_path) == tmp_path / "a"
    assert common_start([], tmp_path) == tmp_path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("selct = []", "unknown key 'selct'; did you mean 'select'?"),
        ('select = "FAPI201"', "select: expected an array whose items are each a preset"),
        ('select = "FAPI201"', "found the string 'FAPI201'"),
        ("select = [3]", "select[0]: expected a preset, a rule's code"),
        ('select = ["FAPI203"]', "select: unknown rule 'FAPI203'; did you mean FAPI20"),
        ('ignore = ["missing-tag"]', "ignore: unknown rule 'missing-tag'; did you mean FAPI302 (missing-tags)?"),
        ('select = ["recomended"]', "did you mean 'recommended'?"),
        ('select = ["FAPI105"]', "select: FAPI105 dangling-task is planned, not built yet"),
        ('select = ["FAPI7"]', "FAPI7 stands for 2 rules that are planned, not built yet"),
        ('select = ["all"]\npreset = "all"', "select and preset exclude each other"),
        ('preset = "strct"', "preset: unknown value 'strct'; did you mean 'strict'?"),
        ('fix = "yes"', "fix: expected true or false, found the string 'yes'"),
        ("exclude = [true]", "exclude[0]: expected a path pattern as .gitignore has them, found the boolean true"),
        ('output-format = "sarf"', "output-format: unknown value 'sarf'; did you mean 'sarif'?"),
        ('[target-versions]\nfastpi = ">1"', "target-versions: unknown key 'fastpi'; did you mean 'fastapi'?"),
        ('[target-versions]\nfastapi = "0.115"', "target-versions.fastapi: expected a version specifier"),
        ('src = ["../other"]', "src[0]: expected a relative path inside the project, found '../other'"),
        ('baseline = "/etc/x"', "baseline: expected a relative path inside the project"),
        ("[rules.missing-status-cod]\ndepth = 1", "rules: unknown rule 'missing-status-cod'; did you mean FAPI301"),
        ("[rules.FAPI301]\ndeep = 1", "rules.FAPI301: unknown option 'deep'; did you mean 'depth'?"),
        ("[rules.FAPI201]\ndeep = 1", "FAPI201 has no options"),
        ("[rules.FAPI301]\ndepth = true", "rules.FAPI301.depth: expected an integer, found the boolean true"),
        ('[rules.FAPI301]\nmethods = "post"', "rules.FAPI301.methods: expected an array of strings"),
        ("[rules.FAPI301]\ndepth = 1\n[rules.missing-status-code]\ndepth = 2", "is configured twice"),
        ("[[blocking]]\nkind = 'file'", "blocking[0]: the key 'name' is missing"),
        ("[[blocking]]\nname = 'a'\nkind = 'http'", "blocking[0].kind: unknown value 'http'"),
        ("[[blocking]]\nname = 'a'\nkind = 'netwrk'", "unknown value 'netwrk'; did you mean 'network'?"),
        ("[[blocking]]\nname = 'a'\nweight = 'lnog'", "unknown value 'lnog'; did you mean 'long'?"),
        ("[[blocking]]\nname = 'a'\nmethod = ['x']", "blocking[0]: unknown key 'method'; did you mean 'methods'?"),
        ("[[blocking]]\nname = 'a'\nmethods = 'x'", "blocking[0].methods: expected an array"),
        ("[[blocking]]\nname = 'a'\nwhy = ' '", "blocking[0].why: expected a text that is not empty"),
        ("[[blocking]]\nname = 'a'\nunless = { x = 1.5 }", "blocking[0].unless.x: expected a boolean, an integer"),
        ("[[blocking]]\nname = 'a'\nexcept = ['x']", "blocking[0]: `except` without `methods`"),
        ("hand-offs = ['a']", "unknown key 'hand-offs'"),
        ("[[blocking]]\nname = 'a b'", "blocking[0].name: expected a dotted name"),
        ('[per-file-ignores]\n"x" = ["FAPI999"]', "per-file-ignores.'x': unknown rule 'FAPI999'"),
        ("fix = true\nselect = [\n", "not valid TOML"),
        ("[tool.fastapi-lint]\nfix = true", "here keys stand at the top of the file"),
        ("fix = 1979-05-27", "found a date"),
    ],
)
def test_mistakes(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(tmp_path, text)
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "fastapi-lint.toml"))


def test_toml_errors_name_the_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="line 2"):
        read(tmp_path, "fix = true\nselect = = 3\n")
    (tmp_path / "fastapi-lint.toml").write_bytes(b"fix = true\n# \xff\n")
    with pytest.raises(ConfigurationError, match=r"toml:2: not valid UTF-8"):
        load(tmp_path, cwd=tmp_path)


def test_broken_pyproject_matters_only_when_it_is_ours(tmp_path: Path) -> None:
    assert read(tmp_path, "[project\n", "pyproject.toml").file is None
    with pytest.raises(ConfigurationError, match="not valid TOML"):
        read(tmp_path, "[tool.fastapi-lint\n", "pyproject.toml")
    with pytest.raises(ConfigurationError, match=r"did you mean \[tool.fastapi-lint\]"):
        read(tmp_path, "[tool.fastapi_lint]\n", "pyproject.toml")
    with pytest.raises(ConfigurationError, match="expected a table, found the integer 3"):
        read(tmp_path, "[tool]\nfastapi-lint = 3\n", "pyproject.toml")


def test_missing_config(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"none\.toml: cannot be read: No such file"):
        load(tmp_path, config=Path("none.toml"), cwd=tmp_path)
    (tmp_path / "pyproject.toml").write_text("")
    with pytest.raises(ConfigurationError, match=r"has no table \[tool.fastapi-lint\]"):
        load(tmp_path, config=Path("pyproject.toml"), cwd=tmp_path)


@pytest.mark.parametrize(
    ("select", "ignore", "expected"),
    [
        (["recommended"], [], "001 002 201 202 301"),
        (["strict"], [], "302"),
        (["all"], ["strict"], "001 002 201 202 301"),
        (["FAPI2"], ["FAPI201"], "202"),
        (["FAPI201"], ["FAPI2"], "201"),
        (["FAPI201"], ["parameter-without-annotated"], ""),
        (["recommended", "missing-tags"], ["FAPI3"], "001 002 201 202 302"),
        (["FAPI"], ["FAPI0"], "201 202 301 302"),
        (["fapi301"], [], "301"),
    ],
)
def test_selection(select: list[str], ignore: list[str], expected: str) -> None:
    settings = Settings(root=Path(), select=tuple(select), ignore=tuple(ignore))
    assert " ".join(rule.code[4:] for rule in selected(settings, RULES, PLANNED)) == expected


def test_command_line_replaces_select_and_adds_to_ignore() -> None:
    configured = Settings(root=Path(), select=("FAPI2",), extend_select=("FAPI302",), ignore=("FAPI202",))
    changed = override(configured, Said(select=["FAPI"], ignore=["FAPI0"]), known=Vocabulary(RULES))
    assert [rule.code for rule in selected(changed, RULES)] == ["FAPI201", "FAPI301", "FAPI302"]
    with pytest.raises(ConfigurationError, match="--select and --preset exclude each other"):
        override(configured, Said(select=["all"], preset="strict"), known=Vocabulary(RULES))


def test_per_file_ignores() -> None:
    settings = Settings(root=Path(), per_file_ignores={"tests/": ("FAPI2",), "!src/**": ("missing-tags",)})
    ignored = ignored_by_path(settings, RULES)
    assert ignored("tests/a/test_x.py") == {"FAPI201", "FAPI202", "FAPI302"}
    assert ignored("src/app.py") == frozenset()


def test_shipped_schema_is_current() -> None:
    shipped = resources.files("fastapi_lint.config").joinpath("schema.json").read_text(encoding="utf-8")
    assert json.loads(shipped) == schema()


def test_schema_accepts_what_the_loader_accepts(tmp_path: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(schema())
    validator.check_schema(schema())
    for text in (
        "",
        EVERYTHING,
        'preset = "all"',
        'select = ["FAPI", "fapi301", "all"]',
        as_toml(Settings(root=tmp_path)),
    ):
        read(tmp_path, text)
        validator.validate(_document(text))
    for text in (
        "selct = []",
        "fix = 1",
        'src = ["/x"]',
        'preset = "x"',
        '[target-versions]\nfastapi = "1"',
        "blocking = [{}]",
        "blocking = [{ name = 'a', kind = 'http' }]",
        "blocking = [{ name = 'a', instead = '' }]",
        "blocking = [{ name = 'a', unless = { x = [] } }]",
    ):
        with pytest.raises(ConfigurationError):
            read(tmp_path, text)
        assert not validator.is_valid(_document(text))


def _document(text: str) -> object:
    import msgspec

    return msgspec.toml.decode(text)


def test_every_key_is_a_field_of_the_settings() -> None:
    fields = set(Settings.__dataclass_fields__)
    assert {key.replace("-", "_") for key in KEYS} - {"preset", "extend"} <= fields
