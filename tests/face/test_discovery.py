"""Which files are found, and which never."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fastapi_lint.config.schema import ConfigurationError
from fastapi_lint.config.settings import Settings
from fastapi_lint.finding import Severity
from fastapi_lint.run.discovery import discover


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in (
        "app/main.py",
        "app/api/users.py",
        "app/api/users.pyi",
        "app/notes.txt",
        "build/lib/x.py",
        ".venv/lib/y.py",
        "env/pyvenv.cfg",
        "env/lib/z.py",
        "node_modules/p/q.py",
        "app/__pycache__/main.py",
        "generated/client.py",
        "generated/keep.py",
        "tests/test_main.py",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    return tmp_path


def found(root: Path, *paths: str, **settings: tuple[str, ...]) -> tuple[list[str], list[str], list[str]]:
    result = discover(root, [root / path for path in paths], Settings(root=root, **settings))  # type: ignore[arg-type]
    return list(result.files), sorted(result.reported), [notice.message for notice in result.notices]


ALL = ["app/api/users.py", "app/main.py", "generated/client.py", "generated/keep.py", "tests/test_main.py"]


def test_whole_project(tree: Path) -> None:
    assert found(tree) == (ALL, ALL, [])
    assert found(tree, "") == (ALL, ALL, [])


def test_paths_filter_the_report_only(tree: Path) -> None:
    assert found(tree, "app/api", "tests") == (ALL, ["app/api/users.py", "tests/test_main.py"], [])


def test_named_files_are_always_checked(tree: Path) -> None:
    (tree / "app" / "run").write_text("#!/usr/bin/env python3\n")
    (tree / "app" / "more.ipynb").write_text("{}")
    named = ["build/lib/x.py", "app/api/users.pyi", "app/run", "app/more.ipynb"]
    files, reported, _ = found(tree, *named)
    assert reported == sorted(named)
    assert files == sorted([*ALL, *named])


def test_what_is_no_python_is_refused_by_name(tree: Path) -> None:
    (tree / "app" / "run.sh").write_text("#!/bin/sh\n")
    for name in ("app/notes.txt", "app/run.sh"):
        with pytest.raises(ConfigurationError, match=rf"'.*{name}' is no Python file, no stub file and no notebook"):
            found(tree, "app/main.py", name)


def test_named_directories_are_always_searched(tree: Path) -> None:
    assert found(tree, "build")[1] == ["build/lib/x.py"]
    assert found(tree, ".venv/lib")[1] == [".venv/lib/y.py"]
    assert found(tree, "env")[1] == ["env/lib/z.py"]


def test_a_package_may_be_called_build(tmp_path: Path) -> None:
    for name in ("app/build/api.py", "build/made.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    assert found(tmp_path)[0] == ["app/build/api.py"]


def test_ignore_files(tree: Path) -> None:
    (tree / ".gitignore").write_text("generated/*\n!generated/keep.py\n/tests\n")
    (tree / "app" / ".gitignore").write_text("/api/\n")
    assert found(tree)[0] == ["app/main.py", "generated/keep.py"]
    assert found(tree, "tests")[1] == ["tests/test_main.py"]


def test_ignore_files_above_the_root(tree: Path) -> None:
    (tree / ".git" / "info").mkdir(parents=True)
    (tree / ".git" / "info" / "exclude").write_text("main.py\n")
    (tree / ".gitignore").write_text("/app/api\n")
    assert found(tree / "app")[0] == []
    assert "app/api/users.py" not in found(tree)[0]


def test_exclude_and_extend_exclude(tree: Path) -> None:
    assert found(tree, extend_exclude=("tests", "app/api/*.py"))[0] == [ALL[1], *ALL[2:4]]
    assert "build/lib/x.py" in found(tree, exclude=("generated",))[0]


def test_patterns_that_match_nothing_are_said(tree: Path) -> None:
    settings = Settings(
        root=tree, exclude=("node_modules", "generated", "genrated", "!x"), extend_exclude=("tests", "test/", "*.txt"),
        per_file_ignores={"app/*": (), "!app/**": (), "ap/**": (), "generated/*": ()},
    )  # fmt: skip
    said = [
        "exclude: nothing here matches 'genrated'",
        "extend-exclude: nothing here matches 'test/'",
        "extend-exclude: nothing here matches '*.txt'",
        "per-file-ignores: no file matches 'ap/**'",
        "per-file-ignores: no file matches 'generated/*'",
    ]
    for paths in ((), (tree,), (tree / "app",)):
        notices = discover(tree, paths, settings).notices
        assert [notice.message for notice in notices] == ([] if paths == (tree / "app",) else said)
        assert all(notice.level is Severity.INFO for notice in notices)


def test_force_exclude_leaves_out_what_is_named(tree: Path) -> None:
    """What hooks hand over was not chosen by anybody."""
    (tree / ".gitignore").write_text("/generated/client.py\n")
    named = [
        "build/lib/x.py",
        "app/api",
        "app/main.py",
        "tests",
        "generated/client.py",
        "env/lib/z.py",
        "generated/keep.py",
    ]
    excluded = ("app/api", "test_*.py")
    assert "app/api/users.py" in found(tree, *named, extend_exclude=excluded)[1]
    settings = Settings(root=tree, force_exclude=True, extend_exclude=excluded)
    forced = discover(tree, [tree / path for path in named], settings)
    assert sorted(forced.reported) == ["app/main.py", "generated/keep.py"]
    none = discover(tree, [tree / "env/lib/z.py"], Settings(root=tree, force_exclude=True))
    assert (none.reported, none.notices) == (frozenset(), ()), "nothing to say where nothing is to be done"
    asked = discover(tree, (), Settings(root=tree, respect_gitignore=False, extend_exclude=("tests",)))
    assert "generated/client.py" in asked.reported


def test_projects_of_their_own_are_apart(tree: Path) -> None:
    (tree / "app" / "fastapi-lint.toml").write_text("")
    (tree / "build" / "pyproject.toml").write_text("")

    def own(directory: Path) -> Settings | None:
        return Settings(root=directory) if directory.name in ("app", "build") else None

    def parts(*paths: str) -> tuple[list[str], list[tuple[str, list[str]]]]:
        result = discover(tree, [tree / path for path in paths], Settings(root=tree), own)
        assert result.notices == ()
        inner = [
            (each.root.name, [path.relative_to(tree).as_posix() for path in asked]) for each, asked in result.nested
        ]
        return sorted(result.reported), inner

    rest = ["generated/client.py", "generated/keep.py", "tests/test_main.py"]
    assert parts("") == (rest, [("app", ["app"])])
    assert parts() == parts("")
    assert parts("app/api/users.py", "tests") == (rest[2:], [("app", ["app/api/users.py"])])
    assert parts("build/lib", "app/api") == ([], [("app", ["app/api"]), ("build", ["build/lib"])])


def test_links(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret.py").write_text("")
    (tree / "app" / "loop").symlink_to(tree, target_is_directory=True)
    (tree / "app" / "away").symlink_to(outside, target_is_directory=True)
    (tree / "app" / "broken.py").symlink_to(tree / "nowhere.py")
    assert found(tree) == (ALL, ALL, [])


def test_a_project_reached_through_a_link(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    link = tmp_path_factory.mktemp("links") / "project"
    link.symlink_to(tree, target_is_directory=True)
    result = discover(tree, [link / "app"], Settings(root=tree))
    assert sorted(result.reported) == ["app/api/users.py", "app/main.py"]


def test_missing_paths_name_the_nearest(tree: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"no such file or directory: '.*ap/main\.py'; did you mean '.*/app/main\.py'\?"
    ):
        found(tree, "ap/main.py")
    with pytest.raises(ConfigurationError, match=r"did you mean '.*/app/main\.py'"):
        found(tree, "app/man.py")
    with pytest.raises(ConfigurationError, match=r"did you mean '.*/app'"):
        found(tree, "ap/nothing.py")
    with pytest.raises(ConfigurationError, match=r"did you mean '.*app/api/users\.py'"):
        found(tree, "users.py")
    (tree / "tests" / "users.py").write_text("")
    with pytest.raises(ConfigurationError, match=r"did you mean one of .*tests/users\.py, .*app/api/users\.py"):
        found(tree, "users.py")


def test_outside_the_root(tree: Path) -> None:
    with pytest.raises(ConfigurationError, match="outside the project root"):
        discover(tree / "app", [tree / "tests"], Settings(root=tree / "app"))


def test_not_a_file(tree: Path) -> None:
    os.mkfifo(tree / "pipe.py")
    assert found(tree)[0] == ALL
    with pytest.raises(ConfigurationError, match="not a file or directory"):
        found(tree, "pipe.py")


def test_the_cache_is_never_searched(tree: Path) -> None:
    """Nor does somebody else's, who may forbid it, give a notice where the configuration excludes something else."""
    (tree / ".fastapi_lint_cache").mkdir()
    (tree / ".fastapi_lint_cache" / "x.py").write_text("")
    assert found(tree, exclude=("build", "node_modules", ".venv", "__pycache__"))[0] == ALL


def test_directory_without_python(tree: Path) -> None:
    (tree / "empty").mkdir()
    assert found(tree, "empty")[1:] == ([], [f"no Python files in '{tree / 'empty'}'"])
    assert found(tree / "empty")[2] == [f"no Python files in '{tree / 'empty'}'"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_unreadable_directory_is_a_notice(tree: Path) -> None:
    (tree / "tests").chmod(0)
    try:
        files, _, notices = found(tree)
    finally:
        (tree / "tests").chmod(0o755)
    assert files == ALL[:-1]
    assert notices == ["cannot be searched: Permission denied"]


def test_a_directory_that_cannot_be_searched(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.scandir

    def scandir(path: Path) -> object:
        if Path(path).name == "tests":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    files, _, notices = found(tree)
    assert files == ALL[:-1]
    assert notices == ["cannot be searched: Permission denied"]


def test_spaces_and_other_alphabets(tree: Path) -> None:
    (tree / "app" / "mein gerät.py").write_text("")
    assert "app/mein gerät.py" in found(tree)[0]


def test_undecodable_names_are_skipped_with_a_notice(tree: Path) -> None:
    try:
        (tree / os.fsdecode(b"bad\xff.py")).write_text("")
    except OSError:
        pytest.skip("this file system stores text only")
    files, _, notices = found(tree)
    assert files == ALL
    assert notices == ["skipped: the file's name is not valid Unicode"]
