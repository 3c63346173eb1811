"""What declarations mean: file formats, specifiers, locks, monorepos, and facts that follow from FastAPI's releases."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from fastapi_lint.model.versions.declarations import standard_specifier
from fastapi_lint.model.versions.versions import Versions, bounds


def of(path: str, text: str) -> Versions:
    return Versions({path: text})


PEP_621 = """
[project]
requires-python = ">=3.10,<4"
dependencies = ["fastapi[standard] >= 0.115 ; python_version >= '3.8'", "SQLAlchemy~=2.0.30", "httpx<1"]
[project.optional-dependencies]
old = ["fastapi>=0.90"]
[dependency-groups]
test = ["starlette==0.41.0", { include-group = "old" }]
"""
POETRY = """
[tool.poetry.dependencies]
python = "^3.11"
fastapi = { extras = ["all"], version = "^0.110.1" }
pydantic = [{ version = "~1.10", python = "<3.12" }, { version = "^2.1", python = ">=3.12" }]
sqlalchemy = "1.4.*"
httpx = "0.27.0"
uvicorn = { git = "https://example.com/uvicorn.git" }
[tool.poetry.group.dev.dependencies]
sqlmodel = ">=0.0.20 <0.1"
"""
REQUIREMENTS = """
# what the service needs
-e .
--extra-index-url https://example.com/simple
git+https://github.com/encode/starlette.git@master#egg=starlette
./vendor/thing
https://example.com/thing-1.0-py3-none-any.whl
fastapi[standard]==0.115.6 \\
    --hash=sha256:abc \\
    --hash=sha256:def
pydantic>=2.5,<3  # ranges too
httpx ; python_version < "3.12"
uvicorn @ https://example.com/uvicorn.zip
"""
SETUP_CFG = """
[options]
python_requires = >=3.9
install_requires =
    fastapi>=0.100  # comment
    pydantic<2
[options.extras_require]
db = sqlalchemy>=1.4
"""
PIPFILE = """
[packages]
fastapi = "*"
pydantic = "==1.10.2"
httpx = { version = "~=0.27", extras = ["http2"] }
[requires]
python_version = "3.11"
"""
CONDA = """
name: app
channels: [conda-forge]
dependencies:
  - python=3.10
  - conda-forge::fastapi=0.110.*
  - sqlalchemy>=2
  - pip
  - pip:
    - pydantic==2.5.0
    - -r other.txt
prefix: /somewhere
"""


@pytest.mark.parametrize(
    ("path", "text", "package", "expected"),
    [
        ("pyproject.toml", PEP_621, "fastapi", ">=0.115"),
        ("pyproject.toml", PEP_621, "sqlalchemy", ">=2.0.30,<2.1"),
        ("pyproject.toml", PEP_621, "httpx", "<1"),
        ("pyproject.toml", PEP_621, "python", ">=3.10,<4"),
        ("pyproject.toml", POETRY, "fastapi", ">=0.110.1,<0.111"),
        ("pyproject.toml", POETRY, "pydantic", ">=1.10,<3"),
        ("pyproject.toml", POETRY, "SQLAlchemy", ">=1.4,<1.5"),
        ("pyproject.toml", POETRY, "httpx", "==0.27.0"),
        ("pyproject.toml", POETRY, "sqlmodel", ">=0.0.20,<0.1"),
        ("requirements.txt", REQUIREMENTS, "fastapi", "==0.115.6"),
        ("requirements-dev.txt", REQUIREMENTS, "pydantic", ">=2.5,<3"),
        ("requirements/base.txt", REQUIREMENTS, "pydantic", ">=2.5,<3"),
        ("requirements.in", REQUIREMENTS, "pydantic", ">=2.5,<3"),
        ("setup.cfg", SETUP_CFG, "fastapi", ">=0.100"),
        ("setup.cfg", SETUP_CFG, "sqlalchemy", ">=1.4"),
        ("setup.cfg", SETUP_CFG, "python", ">=3.9"),
        ("Pipfile", PIPFILE, "pydantic", "==1.10.2"),
        ("Pipfile", PIPFILE, "httpx", ">=0.27,<1"),
        ("Pipfile", PIPFILE, "python", ">=3.11,<3.12"),
        ("environment.yml", CONDA, "python", ">=3.10,<3.11"),
        ("environment.yml", CONDA, "fastapi", ">=0.110,<0.111"),
        ("environment.yml", CONDA, "sqlalchemy", ">=2"),
        ("environment.yml", CONDA, "pydantic", "==2.5.0"),
        ("uv.lock", '[[package]]\nname = "fastapi"\nversion = "0.120.0"\nsource = { registry = "x" }\n',
         "fastapi", "==0.120.0"),
        ("poetry.lock", '[[package]]\nname = "fastapi"\nversion = "0.95.1"\ndescription = "x"\n',
         "fastapi", "==0.95.1"),
        ("pdm.lock", '[[package]]\nname = "fastapi"\nversion = "0.95.1"\nrequires_python = ">=3"\n',
         "fastapi", "==0.95.1"),
        ("pylock.toml", '[[packages]]\nname = "fastapi"\nversion = "0.115.0"\n', "fastapi", "==0.115.0"),
        ("Pipfile.lock", '{"_meta": {}, "default": {"fastapi": {"version": "==0.99.0"}}, "develop": {}}',
         "fastapi", "==0.99.0"),
    ],
)  # fmt: skip
def test_formats(path: str, text: str, package: str, expected: str) -> None:
    found = of(path, text)
    assert bounds(found.range(package) or SpecifierSet("==0.dev0")) == bounds(SpecifierSet(expected))
    assert found.problems == ()


@pytest.mark.parametrize(
    ("path", "text", "package"),
    [
        ("pyproject.toml", PEP_621, "pydantic-settings"),
        ("pyproject.toml", POETRY, "uvicorn"),
        ("requirements.txt", REQUIREMENTS, "httpx"),
        ("requirements.txt", REQUIREMENTS, "uvicorn"),
        ("requirements.txt", REQUIREMENTS, "sqlalchemy"),
        ("Pipfile", PIPFILE, "fastapi"),
        ("notes.txt", "fastapi==0.115", "fastapi"),
    ],
)
def test_without_a_version_nothing_is_claimed(path: str, text: str, package: str) -> None:
    found = of(path, text)
    assert found.range(package) is None
    assert found.always_at_least(package, "0.1") is None
    assert found.always_at_least(package, "0.1", default=True) is True
    assert found.never_at_least(package, "9", default=False) is False


@pytest.mark.parametrize(
    ("constraint", "expected"),
    [
        ("^1.2.3", ">=1.2.3,<2"),
        ("^0.115.0", ">=0.115.0,<0.116"),
        ("^0.0.3", ">=0.0.3,<0.0.4"),
        ("^0.0", ">=0.0,<0.1"),
        ("^1", ">=1,<2"),
        ("~1.2.3", ">=1.2.3,<1.3"),
        ("~1.2", ">=1.2,<1.3"),
        ("~1", ">=1,<2"),
        ("~=1.4", "~=1.4"),
        ("1.2.3", "==1.2.3"),
        ("=1.2.3", "==1.2.3"),
        ("1.2.*", "==1.2.*"),
        (">= 1.2, < 2", ">=1.2,<2"),
        ("*", ""),
    ],
)
def test_poetry_constraints(constraint: str, expected: str) -> None:
    assert SpecifierSet(standard_specifier(constraint)) == SpecifierSet(expected)


def test_every_alternative_counts() -> None:
    found = of("pyproject.toml", '[tool.poetry.dependencies]\npydantic = "^1.10 || ^2.0"\n')
    assert found.always_at_least("pydantic", "1.10") is True
    assert found.always_at_least("pydantic", "2") is False
    assert found.never_at_least("pydantic", "2") is False
    assert found.never_at_least("pydantic", "3") is True


@pytest.mark.parametrize(
    ("specifier", "version", "always", "never"),
    [
        (">=0.115", "0.115", True, False),
        (">=0.115", "0.116", False, False),
        ("<0.116", "0.116", False, True),
        ("<=0.116", "0.116", False, False),
        ("==0.115.*", "0.116", False, True),
        ("==0.115.3", "0.115.3", True, False),
        ("~=0.115.3", "0.116", False, True),
        (">=0.100,!=0.110", "0.100", True, False),
    ],
)
def test_bounds_answer_both_questions(specifier: str, version: str, always: bool, never: bool) -> None:
    found = of("requirements.txt", f"fastapi{specifier}\n")
    assert (found.always_at_least("fastapi", version), found.never_at_least("fastapi", version)) == (always, never)


RELEASE = st.lists(st.integers(0, 3), min_size=1, max_size=3).map(lambda parts: ".".join(map(str, parts)))
CLAUSE = st.tuples(st.sampled_from(["==", ">=", "<=", "<", "!=", ">"]), RELEASE).map("".join)


@given(st.lists(CLAUSE, min_size=1, max_size=3), RELEASE)
def test_bounds_hold_for_every_version_that_a_specifier_admits(clauses: list[str], version: str) -> None:
    specifier = SpecifierSet(",".join(clauses))
    found = bounds(specifier)
    if Version(version) in specifier:
        assert found.lower is None or found.lower <= Version(version)
        assert found.upper is None or Version(version) <= found.upper
        assert found.inclusive or found.upper is None or Version(version) < found.upper


LOCK = '[[package]]\nname = "fastapi"\nversion = "{}"\n'


def test_a_lock_beats_the_range_beside_it() -> None:
    manifest = '[project]\ndependencies = ["fastapi>=0.90"]\n'
    found = Versions({"pyproject.toml": manifest, "uv.lock": LOCK.format("0.118.0")}).for_path("app/main.py")
    assert found.always_at_least("fastapi", "0.118") is True
    assert found.never_at_least("fastapi", "0.119") is True


def test_a_lock_with_forks_gives_alternatives() -> None:
    found = of("uv.lock", LOCK.format("0.110.0") + "\n" + LOCK.format("0.120.0"))
    assert found.always_at_least("fastapi", "0.115") is False
    assert found.never_at_least("fastapi", "0.115") is False
    assert found.range("fastapi") == SpecifierSet(">=0.110.0,<=0.120.0")


def test_each_part_of_a_monorepo_has_its_own_say() -> None:
    found = Versions(
        {
            "pyproject.toml": '[project]\nrequires-python = ">=3.10"\n[tool.ruff]\n',
            "old/requirements.txt": "fastapi==0.95.0\n",
            "new/pyproject.toml": '[project]\ndependencies = ["fastapi>=0.130"]\n',
        }
    )
    assert found.for_path("old/app/main.py").never_at_least("fastapi", "0.100") is True
    assert found.for_path("new/app/main.py").always_at_least("fastapi", "0.130") is True
    assert found.for_path("scripts/main.py").always_at_least("fastapi", "0.1") is None
    assert found.for_path("new/app/main.py").python == (3, 10)  # the nearest that says it
    assert found.always_at_least("fastapi", "0.100") is False  # of the whole project: all must agree
    assert found.always_at_least("fastapi", "0.95") is True


def test_the_lock_of_a_workspace_counts_for_its_members_only() -> None:
    lock = LOCK.format("0.120.0") + '\n[[package]]\nname = "core"\nsource = { editable = "src/core" }\n'
    manifest = '[project]\ndependencies = ["fastapi>=0.90"]\n'
    files = {"uv.lock": lock, "src/core/pyproject.toml": manifest, "other/pyproject.toml": manifest}
    assert Versions(files).for_path("src/core/core/a.py").always_at_least("fastapi", "0.120") is True
    assert Versions(files).for_path("other/a.py").always_at_least("fastapi", "0.120") is False


def test_a_folder_that_takes_any_version_does_not_borrow_one() -> None:
    found = Versions({"requirements.txt": "fastapi==0.120.0\n", "example/requirements.txt": "fastapi\n"})
    assert found.for_path("example/main.py").always_at_least("fastapi", "0.100") is None


def test_development_requirements_count_only_when_there_are_no_others() -> None:
    found = Versions({"requirements.txt": "fastapi>=0.110\n", "requirements-dev.txt": "fastapi==0.100\nhttpx==0.27\n"})
    assert found.always_at_least("fastapi", "0.110") is True
    assert found.always_at_least("httpx", "0.27") is True


def test_what_is_compiled_from_a_source_counts_before_the_source() -> None:
    found = Versions({"requirements.in": "fastapi>=0.90\n", "requirements.txt": "fastapi==0.115.0\n"})
    assert found.always_at_least("fastapi", "0.115") is True
    included = Versions({"requirements.in": "pydantic~=1.10\n", "requirements.txt": "-r requirements.in\n"})
    assert included.for_path("app/main.py").never_at_least("pydantic", "2") is True


def test_included_files_count_where_they_are_included() -> None:
    found = Versions(
        {
            "requirements/base.txt": "fastapi==0.115.0\n",
            "service/requirements.txt": "-r ../requirements/base.txt\nhttpx==0.28\n",
            "loop/requirements.txt": "-r requirements.txt\nhttpx==0.20\n",
        }
    )
    assert found.for_path("service/main.py").always_at_least("fastapi", "0.115") is True
    assert found.for_path("loop/main.py").never_at_least("httpx", "0.21") is True


def test_settings_override_every_file() -> None:
    found = Versions(
        {"requirements.txt": "fastapi==0.90\n"}, {"fastapi": ">=0.115", "python": ">=3.12", "httpx": "new"}
    )
    assert found.for_path("a/b.py").always_at_least("fastapi", "0.115") is True
    assert found.python == (3, 12)
    assert found.problems == ("target version of httpx: `new` is not a version specifier",)


@pytest.mark.parametrize(
    ("requirements", "package", "version", "always", "never"),
    [
        ("fastapi>=0.126", "pydantic", "2", True, False),
        ("fastapi==0.109.2\npydantic_schemaorg==1.0.6", "pydantic", "2", False, True),
        ("fastapi==0.109.2\npydantic_schemaorg", "pydantic", "2", None, None),
        ("beanie==1.20.0", "pydantic", "2", False, True),
        ("beanie>=1.20", "pydantic", "2", None, None),
        ("odmantic~=1.0", "pydantic", "2", True, False),
        ("fastapi>=0.126", "pydantic", "2.9", False, False),
        ("fastapi==0.140.0", "pydantic", "2.9", True, False),
        ("fastapi>=0.126\npydantic>=1.10", "pydantic", "2", True, False),
        ("fastapi>=0.115", "pydantic", "2", None, None),
        ("fastapi<0.100", "pydantic", "2", False, True),
        ("fastapi>=0.100\npydantic<3", "pydantic", "2", False, False),
        ("fastapi==0.99.1\npydantic<3", "pydantic", "2", False, True),
        ("sqlmodel>=0.0.31", "pydantic", "2.7", True, False),
        ("sqlmodel>=0.0.14", "sqlalchemy", "2", True, False),
        ("sqlmodel==0.0.8", "sqlalchemy", "2", False, True),
        ("fastapi==0.128.0", "starlette", "1", False, True),
        ("fastapi>=0.134", "starlette", "0.46", True, False),
    ],
)
def test_what_fastapi_requires_is_known(
    requirements: str, package: str, version: str, always: bool | None, never: bool | None
) -> None:
    found = of("requirements.txt", requirements).for_path("main.py")
    assert (found.always_at_least(package, version), found.never_at_least(package, version)) == (always, never)
    everywhere = of("requirements.txt", requirements)
    assert everywhere.always_at_least(package, version) is always


def test_what_cannot_be_read_is_a_problem_and_no_error() -> None:
    found = Versions(
        {
            "pyproject.toml": "[project\n",
            "a/pyproject.toml": '[project]\ndependencies = ["fastapi>>1", "httpx>=0.20"]\nrequires-python = 3\n',
            "b/Pipfile.lock": "{",
            "c/setup.cfg": "install_requires = x\n",
            "d/uv.lock": LOCK.format("newest"),
            "e/pyproject.toml": 'project = "x"\ntool = ["poetry"]\n',
            "f/Pipfile.lock": '["fastapi"]',
        }
    )
    assert found.always_at_least("httpx", "0.20") is True
    assert [problem.split(":")[0] for problem in found.problems] == [
        "a/pyproject.toml", "a/pyproject.toml", "b/Pipfile.lock", "c/setup.cfg", "d/uv.lock", "pyproject.toml",
    ]  # fmt: skip


@given(
    st.sampled_from(
        ["pyproject.toml", "setup.cfg", "requirements.txt", "Pipfile", "Pipfile.lock", "uv.lock", "environment.yml"]
    ),
    st.text(),
)
def test_any_text_in_no_exception_out(name: str, text: str) -> None:
    found = of(name, text)
    assert found.always_at_least("fastapi", "99999999") in (None, False)
    assert isinstance(found.problems, tuple)


def test_what_is_declared_beside_counts_where_nothing_is_declared_above() -> None:
    versions = Versions({"api/requirements.txt": "pydantic==1.10.9\n", "web/requirements.txt": "fastapi>=0.120\n"})
    near = versions.for_path("tools/schemas.py")
    assert not near.reaches("pydantic", "2")
    assert near.reaches("fastapi", "0.115") and not near.reaches("fastapi", "0.130")
    assert near.reaches("httpx", "0.28"), "what nobody declares is current"
    assert near.always_at_least("pydantic", "1") is None, "only this question looks beside"
