"""FAPI801: a background task that is called when it is added. Asks the model whether the result can be called."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Edit, Finding, Fix, Safety, Severity
from fastapi_lint.fixing.edits.calls import handed_over
from fastapi_lint.index import facts as f
from fastapi_lint.model import External, Method, Module
from fastapi_lint.model.calls import NotCallable, not_callable
from fastapi_lint.rule import Check, rule

_TASKS = "starlette.background.BackgroundTasks"


@rule("FAPI801", severity=Severity.ERROR, fix=Safety.UNSAFE)
def background_task_called(module: Module, check: Check) -> Iterator[Finding]:
    """A background task gets the result of a call instead of the function.

    Why is this bad?
    `add_task(send(x))` runs `send` before the response is sent, so that the client waits for it after all; then the
    task tries to call what `send` returned, and fails after the response, where only the log shows it. A coroutine
    that is made this way never runs.

    Fix safety
    `f(x)` becomes `f, x`. The fix is unsafe because the function then runs after the response, as was meant.

    Known limits
    Calls that give a callable (`functools.partial`, a factory), or whose result is not known, are left alone.

    References
    - [Background tasks](https://fastapi.tiangolo.com/tutorial/background-tasks/)
    """
    data = module.source.data
    if b"add_task" not in data and b"BackgroundTask" not in data:
        return
    for call in module.facts.calls:
        arg = next((a for i, a in enumerate(call.args) if a.name == "func" or (i == 0 and a.name == "")), None)
        if arg is None or not isinstance(arg.value, f.CallRef):
            continue
        receiver = _receiver(module, call, check)
        verdict = not_callable(check.project, module, arg.value) if receiver else None
        if verdict is None:
            continue
        inner = module.facts.calls[arg.value.index]
        called = module.source.slice(inner.start, inner.name_end)
        title, why = _texts(called, receiver, verdict)
        yield check.finding(
            inner, title, why=why, instead=f"give `{called}` and its arguments", fix=_fix(module, call, arg, inner)
        )


def _receiver(module: Module, call: f.Call, check: Check) -> str:
    """`add_task` or `BackgroundTask` when that is what is called, else ""."""
    last = call.func.id if isinstance(call.func, f.Name) else call.func.attr if isinstance(call.func, f.Attr) else ""
    if last == "add_task":
        match check.project.callee(module, call):
            case Method(cls=cls, name="add_task") if check.project.types.is_subclass(cls, _TASKS):
                return "add_task"
    elif last[:1].isupper():
        match check.project.callee(module, call):
            case External(name="starlette.background.BackgroundTask"):
                return "BackgroundTask"
    return ""


def _texts(called: str, receiver: str, verdict: NotCallable) -> tuple[str, str]:
    """What is wrong, and what that leads to."""
    if verdict == "coroutine":
        return f"`{called}(...)` gives a coroutine, which `{receiver}` cannot call", "it never runs"
    return (
        f"`{called}(...)` runs before the response is sent",
        f"`{receiver}` gets its result instead of the function",
    )


def _fix(module: Module, call: f.Call, arg: f.Arg, inner: f.Call) -> Fix | None:
    text = handed_over(module, inner, keywords=True)
    follows = call.args[call.args.index(arg) + 1 :]
    if module.source.slice(call.name_end, inner.start).strip() != ("(" if not arg.name else f"({arg.name}="):
        return None  # it has parentheses of its own, or does not stand first
    if text is None or module.facts.errors or (arg.name and inner.args) or (inner.args and follows):
        return None
    return Fix(
        "Give the function and its arguments", Safety.UNSAFE, (Edit(module.source.span(inner.start, inner.end), text),)
    )
