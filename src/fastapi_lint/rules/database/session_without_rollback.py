"""FAPI509: session dependencies that commit behind their `yield`: too late, or after an error."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function
from fastapi_lint.model.calls import attempts_around
from fastapi_lint.model.database import Late
from fastapi_lint.rule import Check, rule

_SENT_FIRST = "0.118"
_CLOSED_FIRST = "0.106"
_SCOPES = "0.121"
_UNDOES = frozenset({"rollback", "close", "aclose", "remove", "reset", "invalidate"})
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_BROAD = frozenset({"", "Exception", "BaseException"})


@rule("FAPI509", severity=Severity.INFO, hint=r"yield", since="0.2.0")
def session_without_rollback(function: Function, check: Check) -> Iterator[Finding]:
    """A session dependency commits after the answer is sent, or although the endpoint has failed.

    Why is this bad?
    From FastAPI 0.118 on (and before 0.106) what stands behind the `yield` of a dependency runs when the client has
    its answer. A commit that fails there, on a constraint that is checked at its end or a lost connection, comes too
    late: the client was told 200. It may also ask again before the commit, and not find what it has just made.
    `Depends(..., scope="function")` (FastAPI 0.121) runs it before, and so does a commit in the endpoint.

    A commit in a `finally` also stores what an endpoint did before it raised. One that is skipped by the exception, in
    a dependency that neither rolls back nor closes, leaves the transaction open with its locks.

    Known limits
    The time of the commit is left alone when the declared versions of FastAPI reach into 0.106 to 0.117, and when all
    endpoints that use the dependency and may write commit by themselves. That nothing rolls back is not said of
    connections of drivers themselves (psycopg2, sqlite3), nor of a commit in a function that is given the session.

    References
    - [Dependencies with yield and scope](https://fastapi.tiangolo.com/tutorial/dependencies/dependencies-with-yield/#early-exit-and-scope)
    - [FastAPI 0.118.0](https://fastapi.tiangolo.com/release-notes/#01180-2025-09-29)
    - [SQLAlchemy: framing out a begin / commit / rollback block](https://docs.sqlalchemy.org/en/20/orm/session_basics.html#framing-out-a-begin-commit-rollback-block)
    """
    if not function.is_generator or function.module.is_test or function not in check.project.dependencies.injected:
        return
    found = check.project.transactions.behind_yield(function)
    if not found:
        return
    instead = _too_late(function, check)
    unsafe = next((each for late in found if not late.is_block and (each := _unsafe(function, late))), None)
    if unsafe is not None:
        call, title, why, repair = unsafe
        late = "; besides, the client has its answer by then" if instead else ""
        yield check.finding((call.start, call.name_end), title, why=why + late, instead=repair)
    elif instead:
        yield check.finding(
            (found[0].call.start, found[0].call.name_end),
            f"`{_name(function)}` commits when the answer is already sent",
            why="the client is told of success although the commit may fail",
            instead=instead,
        )


def _unsafe(function: Function, late: Late) -> tuple[f.Call, str, str, str] | None:
    """A commit that runs after an error, or without which nothing ends the transaction: place, title, why, instead."""
    call = late.call
    attempts = attempts_around(function.module, late.yielding.block)
    if any(_rolls_back(function, attempt) for attempt in attempts):
        return None
    final = _final(function, call.block)
    if final is not None and function.module.facts.blocks[final].parent in attempts:
        return (
            call,
            f"`{_name(function)}` commits although the endpoint has failed",
            "what it did before it raised is stored, half done",
            "commit behind the `yield`, inside of the `try`, and roll back in an `except`",
        )
    is_guarded = late.is_raw or attempts or _is_entered(function, late.yielding.block)
    if not is_guarded and not _is_given(function, call):
        return (
            call,
            f"`{_name(function)}` does not roll back when the endpoint raises",
            "this does not run then, and the transaction stays open with its connection and locks",
            "put the `yield` into `try`, and roll back in an `except` that raises again",
        )
    return None


def _is_given(function: Function, call: f.Call) -> bool:
    """Whether the session is a parameter: then who made it looks after it."""
    owner = call.func
    while isinstance(owner, f.Attr):
        owner = owner.value
    return isinstance(owner, f.Name) and any(param.name == owner.id for param in function.params)


def _name(function: Function) -> str:
    return function.name if function.cls is None else function.cls.name


def _rolls_back(function: Function, attempt: int) -> bool:
    """Whether a `try` undoes what was done when anything is raised in it."""
    module = function.module
    for block in (module.facts.blocks[number] for number in module.clauses_of(attempt)):
        caught = block.test.items if isinstance(block.test, f.Display) else (block.test,)
        names = {f.last_name(each) if each is not None else "" for each in caught}
        if names & _BROAD and any(
            f.last_name(call.func) in _UNDOES and block.start <= call.start < block.end for call in function.calls
        ):
            return True
    return False


def _final(function: Function, block: int) -> int | None:
    """The `finally` in which a place stands, when it runs there in any case."""
    blocks = function.module.facts.blocks
    while block >= 0 and blocks[block].kind != "function":
        if blocks[block].kind == "finally":
            return block
        if blocks[block].kind in ("if", "else", "case", "except"):
            return None
        block = blocks[block].parent
    return None


def _is_entered(function: Function, block: int) -> bool:
    return any(each.kind == "with" for each in function.module.block_chain(block))


def _too_late(function: Function, check: Check) -> str:
    """What to do about a commit that comes after the answer; empty when it does not, or is not the only one."""
    versions = check.project.versions.for_path(function.module.path)
    is_sent = versions.reaches("fastapi", _SENT_FIRST)
    if not is_sent and not versions.never_at_least("fastapi", _CLOSED_FIRST, default=False):
        return ""
    uses = check.project.dependencies.used.get(function, ())
    if uses and all(any(arg.name == "scope" for arg in use.call.args) for use in uses):
        return ""
    if _is_done_before(function, check):
        return ""
    if versions.reaches("fastapi", _SCOPES):
        return f'use `Depends({_name(function)}, scope="function")`, or commit in the endpoint'
    return "commit in the endpoint"


def _is_done_before(function: Function, check: Check) -> bool:
    """Whether all endpoints that use a dependency commit by themselves, but for those that only read."""
    project = check.project
    found = False
    for route in project.routes.all:
        code = project.requests.of(route) if route.handler is not None and not route.module.is_test else None
        if code is None or function not in code.functions:
            continue
        reads = bool(route.methods) and _READING.issuperset(route.methods)
        if any(project.transactions.may_commit(each) for each in code.own):
            found = True
        elif not reads or any(project.transactions.writes(each) for each in code.own):
            return False
    return found
