"""FAPI110: a thread hand-off that is given a result. Asks the model whether the result can be called."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint import catalog
from fastapi_lint.finding import Edit, Finding, Fix, Safety, Severity
from fastapi_lint.fixing.edits.calls import handed_over
from fastapi_lint.index import facts as f
from fastapi_lint.model import Module
from fastapi_lint.model.calls import NotCallable, argument_at, not_callable
from fastapi_lint.rule import Check, rule

_RECEIVERS = frozenset({"run_in_threadpool", "to_thread", "run_sync", "run_in_executor"})
_PASS_KEYWORDS = frozenset({"fastapi.concurrency.run_in_threadpool", "asyncio.to_thread"})


@rule("FAPI110", severity=Severity.ERROR, fix=Safety.UNSAFE)
def offload_of_call_result(module: Module, check: Check) -> Iterator[Finding]:
    """A thread hand-off gets the result of a call instead of the function.

    Why is this bad?
    `to_thread(f(x))` calls `f` first, on the event loop, and then hands its *result* to the thread, which cannot call
    it: the work blocks every other request, and then fails with "object is not callable".

    Fix safety
    `f(x)` becomes `f, x`. The fix is unsafe because the function then runs in a thread, as was meant: what it uses must
    bear that.

    Known limits
    Calls that give a callable (`functools.partial`, a factory), or whose result is not known, are left alone.

    References
    - [Starlette: thread pool](https://www.starlette.io/threadpool/)
    - [asyncio.to_thread](https://docs.python.org/3/library/asyncio-task.html#asyncio.to_thread)
    """
    for call in module.facts.calls:
        last = (
            call.func.id if isinstance(call.func, f.Name) else call.func.attr if isinstance(call.func, f.Attr) else ""
        )
        if not call.args or not any(isinstance(arg.value, f.CallRef) for arg in call.args):
            continue
        if last not in _RECEIVERS and not isinstance(call.func, f.Name):
            continue
        name = check.project.called_name(module, call)
        entry = catalog.handoff(name) if name and name.rsplit(".", 1)[-1] in _RECEIVERS else None
        if name is None or entry is None or entry.to not in ("thread", "process") or entry.gives != "result":
            continue
        arg = argument_at(call, entry.argument, entry.keyword)
        if arg is None or not isinstance(arg.value, f.CallRef):
            continue
        verdict = not_callable(check.project, module, arg.value)
        if verdict is None:
            continue
        inner = module.facts.calls[arg.value.index]
        called, receiver = module.source.slice(inner.start, inner.name_end), name.rsplit(".", 1)[-1]
        title, why, instead = _said(called, receiver, verdict)
        yield check.finding(
            inner,
            title,
            why=why,
            instead=instead,
            fix=_fix(module, call, inner, name) if verdict == "value" and arg.name == "" else None,
        )


def _said(called: str, receiver: str, verdict: NotCallable) -> tuple[str, str, str]:
    if verdict == "coroutine":
        return (
            f"`{receiver}` gets the coroutine of `{called}(...)` instead of a function",
            "the thread cannot call it, and it never runs",
            f"`await {called}(...)`, or hand over a function that is not async",
        )
    return (
        f"`{receiver}` gets the result of `{called}(...)` instead of the function",
        "the call runs on the event loop at once, and the thread cannot call what it gives",
        f"hand over `{called}` and its arguments",
    )


def _fix(module: Module, call: f.Call, inner: f.Call, name: str) -> Fix | None:
    passes = name in _PASS_KEYWORDS
    text = handed_over(module, inner, keywords=passes)
    index = next((i for i, arg in enumerate(call.args) if arg.start == inner.start), None)
    if index is None:
        return None  # it stands in parentheses, where function and arguments would be a tuple
    follows = call.args[index + 1 :]
    named = [arg.name for arg in inner.args if arg.name]
    if text is None or module.facts.errors or (named and follows):
        return None
    if inner.args and any(arg.name in ("", "*") for arg in follows):
        return None
    return Fix("Hand over the function", Safety.UNSAFE, (Edit(module.source.span(inner.start, inner.end), text),))
