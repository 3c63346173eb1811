"""How a call becomes one that is awaited: the text that is written, and where nothing is."""

from __future__ import annotations

import ast

import libcst as cst
import pytest

from fastapi_lint.files.source import Source
from fastapi_lint.fixing import edits
from fastapi_lint.fixing.edits.bindings import nodes
from fastapi_lint.fixing.fixer import apply
from fastapi_lint.model.remedies.handing import Handing

POOL = Handing("fastapi.concurrency", "run_in_threadpool", "run_in_threadpool")
RUN_SYNC = Handing("anyio.to_thread", "run_sync", "", keywords=False)
IMPORT = "from fastapi.concurrency import run_in_threadpool\n"


def wrapped(body: str) -> str | None:
    """The body of an async function after its call of `work` (of the outermost one) was handed to a thread."""
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    source = Source("app.py", f"{IMPORT}async def run():\n{lines}".encode())
    call = next(
        node for node in nodes(source.tree) if isinstance(node, cst.Call) and source.code_of(node.func).endswith("work")
    )
    found = edits.in_threadpool(source, call, POOL)
    if found is None:
        return None
    text = apply(source, found)
    ast.parse(text)
    written = text.split("async def run():\n", 1)[1]
    return "".join(line.removeprefix("    ") for line in written.splitlines(keepends=True)).rstrip("\n")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("work()", "await run_in_threadpool(work)"),
        ("work(x for x in y)", "await run_in_threadpool(work, (x for x in y))"),
        ("work(\n    1, b=2\n)", "await run_in_threadpool(\n    work, 1, b=2\n)"),
        ("work(\n    1,\n    b=2,\n)", "await run_in_threadpool(\n    work,\n    1,\n    b=2,\n)"),
        ("work(\n    g(\n        1\n    )\n)", "await run_in_threadpool(\n    work,\n    g(\n        1\n    )\n)"),
        ("(a\n .b(1)\n .work(2)\n .c)", "((await run_in_threadpool(a.b(1).work, 2))\n .c)"),
        ("(a  # why\n .work(2))", "(await run_in_threadpool(a  # why\n .work, 2))"),
        ("with work_block: pass\nwork()", "with work_block: pass\nawait run_in_threadpool(work)"),
        ("with lock.work():\n    pass", "with await run_in_threadpool(lock.work):\n    pass"),
        ("async with lock:\n    work()", "async with lock:\n    await run_in_threadpool(work)"),
        ("try:\n    work()\nfinally:\n    pass", "try:\n    await run_in_threadpool(work)\nfinally:\n    pass"),
    ],
)
def test_what_is_written(before: str, after: str) -> None:
    assert wrapped(before) == after


@pytest.mark.parametrize(
    ("handing", "imports", "before", "after"),
    [
        (
            Handing("asyncio", "to_thread", ""),
            "import asyncio\n",
            "work(1, b=2)",
            "await asyncio.to_thread(work, 1, b=2)",
        ),
        (Handing("asyncio", "to_thread", ""), "from asyncio import to_thread\n", "work(1)", "await to_thread(work, 1)"),
        (RUN_SYNC, "import anyio\n", "work(1)", "await anyio.to_thread.run_sync(work, 1)"),
        (RUN_SYNC, "from anyio import to_thread\n", "x = work()", "x = await to_thread.run_sync(work)"),
        (
            RUN_SYNC,
            "import anyio\nfrom functools import partial\n",
            "return work(1, b=2).c",
            "return (await anyio.to_thread.run_sync(partial(work, 1, b=2))).c",
        ),
    ],
)
def test_the_thread_that_is_named_is_used(handing: Handing, imports: str, before: str, after: str) -> None:
    text = f"{imports}\nasync def run():\n    {before}\n"
    source = Source("app.py", text.encode())
    call = next(
        node for node in nodes(source.tree) if isinstance(node, cst.Call) and source.code_of(node.func) == "work"
    )
    found = edits.in_threadpool(source, call, handing)
    assert found is not None
    assert apply(source, found) == text.replace(before, after)


def test_an_await_that_is_there_waits_for_the_thread() -> None:
    assert wrapped("x = await work(1)") == "x = await run_in_threadpool(work, 1)"


@pytest.mark.parametrize(
    "body",
    [
        "work(func=1)",
        "[work(x) for x in y]",
        "def inner():\n    work()",
        "f = lambda: work()",
    ],
)
def test_where_nothing_can_be_awaited(body: str) -> None:
    assert wrapped(body) is None
