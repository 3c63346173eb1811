"""Whether code may make something that was not there: it inserts, or draws lots. Judges nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.steps import Step
from fastapi_lint.model.calls.trails import Memo
from fastapi_lint.model.names.expressions import chained
from fastapi_lint.model.names.symbols import Function

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_DRAWING = ("secrets.", "uuid.", "random.", "os.urandom", "cryptography.", "pyotp.", "nacl.", "jwt.", "jose.")
_KNOWN = (
    "sqlalchemy.", "sqlmodel.", "pydantic", "fastapi.", "starlette.", "typing.", "datetime.", "logging.", "json.",
    "re.", "math.", "decimal.", "collections.", "itertools.", "functools.", "operator.", "enum.", "dataclasses.",
    "time.", "os.", "asyncio.", "loguru.", "structlog.",
)  # fmt: skip
"""What makes nothing that is kept: of other libraries it is not known."""


def may_make_new(project: Project, function: Function) -> bool:
    """Whether a function, or one that it calls, inserts something, gives another value each time, or calls what nobody
    knows."""
    if project.inserts.insertion(function) is not None:
        return True
    memo: Memo[str] = Memo()
    return (
        project.effects.search(
            function, lambda each, _: _own(each, project), memo, through_await=True, through_threads=True
        )
        is not None
    )


def _own(function: Function, project: Project) -> tuple[Step, str] | None:
    for call in function.calls:
        callee = project.callee(function.module, call)
        name = project.types.name_of_type(callee) or ""
        if callee is None and _is_of_known(function, call, project):
            continue
        if callee is None or name.startswith(_DRAWING) or ("." in name and not name.startswith(_KNOWN)):
            return Step(function.module, call.start, call.name_end, None, call, f.last_name(call.func)), name
    return None


def _is_of_known(function: Function, call: f.Call, project: Project) -> bool:
    """Whether a call goes on with what a library gave that makes nothing: `select(Partner).limit(10)`."""
    names = [project.called_name(function.module, each) or "" for each in chained(function.module, call)]
    return names[-1].startswith(_KNOWN)
