"""FAPI903: async tests that sleep without letting the event loop run."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function
from fastapi_lint.model.names import called
from fastapi_lint.model.testing import fixture_call
from fastapi_lint.model.values import Unfolded
from fastapi_lint.rule import Check, rule

_MOMENT = 0.01


@rule("FAPI903", preset="strict", since="0.2.0")
def sleep_in_test(function: Function, check: Check) -> Iterator[Finding]:
    """An async test or fixture calls `time.sleep`.

    Why is this bad?
    It stops the event loop, so that what is to happen there cannot happen meanwhile. What others do, a search engine or
    another process, takes now longer and now shorter: the test is slow, and fails on a busy day.

    Known limits
    Sync tests are not looked at: there the loop runs in another thread, if there is one. A hundredth of a second waits
    for nobody: it tells two times apart.

    References
    - [FastAPI: async tests](https://fastapi.tiangolo.com/advanced/async-tests/)
    """
    if not function.module.is_test or not function.is_async:
        return
    if not function.name.startswith("test") and fixture_call(check.project, function) is None:
        return
    module = function.module
    for call in function.calls:
        if called(module, call) == "sleep" and check.project.called_name(module, call) == "time.sleep":
            if _is_a_moment(call, function, check):
                continue
            yield check.finding(
                call,
                f"`time.sleep` stops the event loop of `{function.name}`",
                why="what the loop should do meanwhile never comes, and for what others do the time is a guess",
                instead="wait for the condition, or write `await asyncio.sleep(...)`",
            )


def _is_a_moment(call: f.Call, function: Function, check: Check) -> bool:
    """Whether a sleep is over before anybody is held up."""
    if len(call.args) != 1:
        return False
    try:
        seconds = check.project.values.constant(call.args[0].value, (function.module, call.block, call.start))
    except Unfolded:
        return False
    return isinstance(seconds, (int, float)) and seconds <= _MOMENT
