"""FAPI710: code that runs for requests prints."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function, Module
from fastapi_lint.model.application import is_served, role_of
from fastapi_lint.model.calls import never_runs, runs_by_switch
from fastapi_lint.model.secrets import writes_log
from fastapi_lint.rule import Check, rule

_ERRORS = frozenset({"sys.stderr", "sys.__stderr__"})
_STANDARD = frozenset({"sys.stdout", "sys.__stdout__"}) | _ERRORS
_LOGGING = ("logging.", "structlog.", "loguru.")


@rule("FAPI710", words={"print"})
def print_in_app(function: Function, check: Check) -> Iterator[Finding]:
    """Code that runs for requests writes to the terminal with `print`.

    Why is this bad?
    A printed line has no time, no level and no name of a module; nobody can switch it off, filter it or send it
    elsewhere. In a container the output is a buffered file: lines come late, and get lost when the process is killed.
    A logger does all of this, and the server's own lines stand beside it in one format.

    Known limits
    Only functions that requests are seen to reach are looked at: scripts, commands and start-up code may print. One
    finding stands for all the prints of a function. `print(..., file=...)` into anything but the standard streams is a
    way to write a file; where all go to `sys.stderr`, which is not buffered, it is information. What is printed because
    a logger failed, or by a handler of `logging`, is left alone, and so are prints below a condition that only reads
    settings, the environment or names of the module, since they can be switched off.

    References
    - [Python: logging](https://docs.python.org/3/howto/logging.html)
    """
    module = function.module
    if not is_served(check.project, module) or _is_of_a_logger(function, check):
        return
    printed = [call for call in function.calls if _prints(call, function, check)]
    if not printed or role_of(check.project, function) is None:
        return
    first, more = printed[0], len(printed) - 1
    times = "" if not more else " (and once more)" if more == 1 else f" (and {more} times more)"
    yield check.finding(
        (first.start, first.name_end),
        f"`{_shown(function)}` prints{times}",
        why="it runs for requests: the line has no time and no level, and nobody can switch it off",
        instead=f"write it to a logger: `logger.{'exception' if _is_of_an_error(first, module) else 'info'}(...)`",
        severity=Severity.INFO if all(_is_to_stderr(call, function, check) for call in printed) else None,
    )


def _is_of_a_logger(function: Function, check: Check) -> bool:
    """Whether a method is one by which a logger writes: of a handler of `logging` and the like."""
    cls = function.cls
    bases = check.project.types.mro(cls) if cls is not None else ()
    return any(isinstance(base, str) and base.startswith(_LOGGING) for base in bases)


def _prints(call: f.Call, function: Function, check: Check) -> bool:
    module = function.module
    if f.last_name(call.func) != "print" or check.project.called_name(module, call) not in ("print", "builtins.print"):
        return False
    if any(arg.name == "**" for arg in call.args) or never_runs(module, call.block):
        return False
    if runs_by_switch(check.project, module, call.block) or _is_last_resort(call, function, check):
        return False
    file = f.keyword(call, "file")
    if file is None or file.value == f.Const(None):
        return True
    return check.project.name(file.value, module, call.block, call.start) in _STANDARD


def _is_last_resort(call: f.Call, function: Function, check: Check) -> bool:
    """Whether a line is printed because a logger could not write it."""
    module = function.module
    for around in module.block_chain(call.block):
        if around.kind != "except":
            continue
        attempt = module.facts.blocks[around.parent]
        for each in function.calls:
            if attempt.start <= each.start < around.start and writes_log(check.project, module, each):
                return True
    return False


def _is_of_an_error(call: f.Call, module: Module) -> bool:
    """Whether a line is printed where an exception is handled: `exception` logs where it came from as well."""
    return any(around.kind == "except" for around in module.block_chain(call.block))


def _is_to_stderr(call: f.Call, function: Function, check: Check) -> bool:
    file = f.keyword(call, "file")
    return file is not None and check.project.name(file.value, function.module, call.block, call.start) in _ERRORS


def _shown(function: Function) -> str:
    return function.name if function.name != "<lambda>" else "lambda"
