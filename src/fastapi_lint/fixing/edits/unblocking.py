"""The fix that a remedy for a blocking call names, as edits: a thread, `asyncio.sleep`, or a plain `def`."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi_lint.finding import Edit, Fix, Safety
from fastapi_lint.fixing.edits.awaiting import asyncio_sleep, in_threadpool, plain
from fastapi_lint.fixing.edits.calls import call_nodes, function_node
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function
from fastapi_lint.model.remedies import Remedy


def unblocked(function: Function, calls: Sequence[f.Call | None], remedy: Remedy) -> Fix | None:
    """What a remedy does to the calls of an async function that it is about; None when it cannot be written."""
    if remedy.way == "plain":
        found = function_node(function)
        edits = plain(*found) if found is not None else None
        return Fix(f"Make `{function.name}` a plain `def`", Safety.UNSAFE, edits) if edits else None
    wanted = [call for call in calls if call is not None]
    if remedy.way == "none" or len(wanted) != len(calls):
        return None
    nodes = call_nodes(function.module, wanted)
    if nodes is None:
        return None
    made: list[Edit] = []
    for node in nodes[1]:
        if remedy.way == "sleep" or remedy.thread is None:
            edits = asyncio_sleep(nodes[0], node)
        else:
            edits = in_threadpool(nodes[0], node, remedy.thread)
        if edits is None:
            return None
        made += [edit for edit in edits if edit not in made]
    shown = function.module.source.slice(wanted[0].start, wanted[0].name_end).replace("\n", " ")
    said = "Sleep with `await asyncio.sleep`" if remedy.way == "sleep" else f"Run `{shown}` in a thread"
    return Fix(said, Safety.UNSAFE, tuple(made))
