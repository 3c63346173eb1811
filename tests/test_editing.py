"""A session that lasts: whatever is edited, it finds what a run finds that starts afresh, with all it remembers."""

from __future__ import annotations

import gc
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from test_incremental import APP, CALL, CHANGES, COMING, FIXTURES, LAB, LAB_CHANGES, SUBCLASS, changed, write

from fastapi_lint.config.settings import Settings
from fastapi_lint.files.source import Source
from fastapi_lint.incremental.redaction import Result
from fastapi_lint.model.names import Module
from fastapi_lint.run import story
from fastapi_lint.run.request import Request
from fastapi_lint.run.session import Session
from fastapi_lint.tracking import memory, recording


@pytest.fixture(autouse=True)
def nothing_is_recorded_afterwards() -> Iterator[None]:
    yield
    recording.disable()


def session(
    root: Path, *, progress: Callable[[str, int, int], None] | None = None, before: Session | None = None
) -> Session:
    settings = Settings(root=root, select=("all",))
    request = Request(root=root, paths=(root,), settings=settings, cache=False, jobs=1, progress=progress)
    ((part, found),) = story.projects(request)
    made, _ = story.lasting(part, found, before)
    return made


def put(lasting: Session, texts: dict[str, str]) -> None:
    lasting.put({path: Source(path, text.encode()) for path, text in texts.items()})


def afresh(lasting: Session, root: Path) -> Result:
    """What a session finds that knows nothing, and is not tracked by any means."""
    made = session(root)
    made.sources = dict(lasting.sources)
    return made.check()


def said(result: Result) -> tuple[object, ...]:
    return result.findings, result.suppressed, result.notices, result.apps, result.routes


def texts_of(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes().decode("utf-8", "replace")
        for path in sorted(folder.rglob("*.py"))
        if not path.stem.endswith(("fixed", ".fixed"))  # the same once more
    }


def assert_same_after_edits(root: Path, files: dict[str, str], choices: random.Random, rounds: int) -> None:
    """Each round edits something, perhaps looks at a file alone, perhaps leaves before all is checked."""
    write(root, files)
    lasting = session(root)
    lasting.check()
    steps: list[str] = []
    states = []
    for _ in range(rounds):
        for _ in range(choices.choice((1, 1, 1, 2))):
            path = choices.choice(sorted(files))
            text = lasting.sources[path].data.decode("utf-8", "replace")
            put(lasting, {path: files[path] if choices.random() < 0.2 else changed(text, choices)})
            steps.append(path)
            if choices.random() < 0.5:
                lasting.glance(path)
        if choices.random() < 0.2:
            _ = lasting.project.routes.all, lasting.project.functions
        states.append((said(lasting.check()), dict(lasting.sources)))
        if choices.random() < 0.7:
            lasting.tidy()
    # Only one project at a time remembers; so these are asked at last.
    for number, (found, sources) in enumerate(states):
        lasting.sources = sources
        assert found == said(afresh(lasting, root)), (number, steps)


@pytest.mark.parametrize("seed", range(4))
def test_nothing_is_remembered_wrongly(tmp_path: Path, seed: int) -> None:
    assert_same_after_edits(tmp_path, APP, random.Random(seed), 12)


def bundles(size: int = 6) -> list[list[Path]]:
    """The folders of fixtures, drawn together: what one of them reads, another one changes."""
    folders = sorted(path.parent for path in FIXTURES.glob("*/bad.py"))
    random.Random(0).shuffle(folders)
    return [folders[start : start + size] for start in range(0, len(folders), size)]


@pytest.mark.slow
@pytest.mark.parametrize("folders", bundles(), ids=lambda folders: "-".join(f.name.split("-")[0] for f in folders))
def test_fixtures_are_edited(tmp_path: Path, folders: list[Path]) -> None:
    files = {f"{folder.name[:7]}/{path}": text for folder in folders for path, text in texts_of(folder).items()}
    assert_same_after_edits(tmp_path, files, random.Random(folders[0].name), 2)


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_elsewhere_is_seen_at_once(tmp_path: Path, name: str) -> None:
    path, old, new = CHANGES[name]
    write(tmp_path, APP)
    lasting = session(tmp_path)
    before = lasting.check()
    put(lasting, {path: APP[path].replace(old, new)})
    after = lasting.check()
    put(lasting, {path: APP[path]})
    assert said(lasting.check()) == said(before)
    put(lasting, {path: APP[path].replace(old, new)})
    assert said(after) == said(afresh(lasting, tmp_path)) == said(lasting.check())


@pytest.mark.parametrize("name", LAB_CHANGES)
def test_who_imports_tests_is_seen_at_once(tmp_path: Path, name: str) -> None:
    path, old, new = LAB_CHANGES[name]
    write(tmp_path, LAB)
    lasting = session(tmp_path)
    before = lasting.check()
    for _ in range(2):
        put(lasting, {path: LAB[path].replace(old, new)})
        lasting.glance(path)
        assert said(lasting.check()) == said(afresh(lasting, tmp_path))
        put(lasting, {path: LAB[path]})
        assert said(lasting.check()) == said(before)


@pytest.mark.parametrize("name", COMING)
def test_a_session_with_other_files_builds_upon_the_one_before(tmp_path: Path, name: str) -> None:
    files, coming = COMING[name]
    write(tmp_path, {path: text for path, text in files.items() if path not in coming})
    before = session(tmp_path)
    before.check()
    write(tmp_path, {path: files[path] for path in coming})
    lasting = session(tmp_path, before=before)
    there = lasting.check()
    put(lasting, {coming[0]: f"{files[coming[0]]}\nx = 1\n"})
    lasting.check()
    put(lasting, {coming[0]: files[coming[0]]})
    assert said(lasting.check()) == said(there)
    for path in coming:
        (tmp_path / path).unlink()
    gone = session(tmp_path, before=lasting).check()
    assert said(gone) == said(session(tmp_path).check())
    write(tmp_path, {path: files[path] for path in coming})
    assert said(there) == said(session(tmp_path).check())


def test_what_was_left_before_it_was_checked_is_forgotten(tmp_path: Path) -> None:
    class LeftError(Exception):
        pass

    is_left = False

    def progress(step: str, done: int, total: int) -> None:
        if is_left and step == "checking" and done >= 1:
            raise LeftError

    write(tmp_path, APP)
    lasting = session(tmp_path, progress=progress)
    lasting.check()
    for text in (CALL, SUBCLASS, SUBCLASS + CALL, ""):
        is_left = True
        store = APP["shop/store.py"].replace("def slow", "async def slow")
        put(lasting, {"shop/plain.py": text + APP["shop/plain.py"], "shop/store.py": store})
        with pytest.raises(LeftError):
            lasting.check()
        is_left = False
        put(lasting, {"shop/store.py": APP["shop/store.py"] + text})
        assert said(lasting.check()) == said(afresh(lasting, tmp_path))


def test_two_projects_take_turns(tmp_path: Path) -> None:
    """Only the one that was linked last remembers: the other one begins anew, and finds the same."""
    one, other = tmp_path / "one", tmp_path / "other"
    write(one, APP)
    write(other, {**APP, "shop/names.py": APP["shop/names.py"].replace("/all", "/every")})
    first, second = session(one), session(other)
    for text in ("", CALL, SUBCLASS):
        for lasting, root in ((first, one), (second, other), (first, one), (first, one)):
            lasting.check()
            put(
                lasting,
                {
                    "shop/plain.py": text
                    + APP["shop/plain.py"]
                    + "\n" * lasting.sources["shop/plain.py"].data.count(b"\n")
                },
            )
            _ = first.project.routes.all, second.project.routes.all
            assert said(lasting.check()) == said(afresh(lasting, root))


def test_most_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A function that nobody calls changes no type, no route and no dependency of the others."""
    write(tmp_path, APP)
    lasting = session(tmp_path)
    lasting.check()
    routes = lasting.project.routes.all
    asked: list[Module] = []
    contribute = type(lasting.project.routes).contribute

    def watched(self: object, module: Module) -> object:
        asked.append(module)
        return contribute(self, module)  # type: ignore[arg-type]

    monkeypatch.setattr(type(lasting.project.routes), "contribute", watched)
    put(lasting, {"shop/plain.py": APP["shop/plain.py"] + "\n\ndef subtract(a, b):\n    return a - b\n"})
    lasting.check()
    assert {module.path for module in asked} <= {"shop/plain.py"}
    assert all(one is other for one, other in zip(routes, lasting.project.routes.all, strict=True))


def test_states_that_are_gone_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastapi_lint.incremental.lasting._MOST_GONE", 1)
    write(tmp_path, APP)
    lasting = session(tmp_path)
    lasting.check()
    sizes = []
    for number in range(2, 6):
        text = re.sub("sleep.3.", f"sleep({number})", APP["shop/store.py"])
        put(lasting, {"shop/store.py": text + "\n" * number})
        lasting.check()
        lasting.tidy()
        gc.collect()  # of the snapshots before
        sizes.append(sum(len(memos) for memos in memory.alive()))
    assert sizes[1] == sizes[-1]
