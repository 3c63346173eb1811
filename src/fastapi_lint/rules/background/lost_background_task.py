"""FAPI811: background tasks that no response carries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function, FunctionObject, Method, Module
from fastapi_lint.model.calls import TASKS, Endings, bound, is_given, is_made_here, never_runs
from fastapi_lint.model.names import is_super, walk
from fastapi_lint.model.routing import is_response
from fastapi_lint.rule import Check, rule

_LOOPS = frozenset({"for", "while", "comprehension"})


@rule("FAPI811", severity=Severity.ERROR, words={"add_task"}, since="0.2.0")
def lost_background_task(function: Function, check: Check) -> Iterator[Finding]:
    """A background task is added to what is never sent with a response.

    Why is this bad?
    FastAPI puts the injected `BackgroundTasks` on the response that it makes of the returned value. When the endpoint
    raises instead, there is another response, and the tasks are dropped without a word. A response that is returned
    with a `background=` of its own keeps that one. A `BackgroundTasks()` that is made by hand belongs to no response at
    all, until somebody gives it to one.

    Known limits
    A task is reported when every way from `add_task` on raises, or returns a response with another `background=`. What
    is handed to code that is not known may be attached there; so may be what an exception handler knows of.

    References
    - [Background tasks](https://fastapi.tiangolo.com/tutorial/background-tasks/)
    - [Starlette: background tasks](https://www.starlette.io/background/)
    """
    injected = _injected(function, check)
    by_owner: dict[str, list[f.Call]] = {}
    for call in function.calls:
        if never_runs(function.module, call.block):
            continue
        for owner in _owners(function, call, check):
            if isinstance(owner, f.CallRef):
                yield _finding(check, [call], "these `BackgroundTasks` belong to no response", _ATTACH)
            elif isinstance(owner, f.Name):
                by_owner.setdefault(owner.id, []).append(call)
    for name, calls in by_owner.items():
        if name in injected:
            if not is_given(function, name, check.project):
                yield from _on_the_way(function, name, calls, check)
        elif is_made_here(function, name, check.project) and not is_given(function, name, check.project):
            yield _finding(check, calls, f"`{name}` is made by hand and given to no response", _ATTACH)


_ATTACH = "let FastAPI inject it, as a parameter, or return a response with `background=`"


def _finding(check: Check, calls: Sequence[f.Call], because: str, instead: str) -> Finding:
    first, *more = calls
    module = check.module
    adds = f.last_name(first.func) == "add_task"  # else a function of the project does, and its arguments are others
    shown = module.source.slice(first.args[0].start, first.args[0].end) if adds and first.args else ""
    task = f"`{shown}`" if 0 < len(shown) <= 30 else "this task" if adds else f"what `{f.last_name(first.func)}` adds"
    return check.finding(
        (first.start, first.name_end),
        f"{task} never runs: {because}",
        why="the task is dropped without an error or a line in the log",
        instead=instead,
        related=[check.related(each, "this task is lost as well") for each in more],
    )


def _injected(function: Function, check: Check) -> set[str]:
    """The parameters that are the background tasks of the request."""
    project = check.project
    if function.is_generator:
        return set()
    if function not in project.routes.by_handler and function not in project.dependencies.injected:
        return set()
    return {
        each.name
        for each in project.dependencies.parameters(function)
        if not each.marker and project.types.is_instance(each.type, TASKS)
    }


def _owners(function: Function, call: f.Call, check: Check) -> Iterator[f.Expr]:
    """The background tasks to which a call adds one, by itself or in a function of the project that does only that."""
    module, project = function.module, check.project
    match project.callee(module, call):
        case Method(cls=cls, name="add_task") if project.types.is_subclass(cls, TASKS):
            if isinstance(call.func, f.Attr) and not is_super(module, call.func.value):
                yield call.func.value
        case FunctionObject(function=target) if any(f.last_name(each.func) == "add_task" for each in target.calls):
            for name, value in bound(target, call):
                added = [each for each in target.calls if each.func == f.Attr(f.Name(name), "add_task")]
                if isinstance(value, f.Name) and added and not is_given(target, name, check.project, 1):
                    yield value


# ---------------------------------------------------------------- injected: what becomes of the way


def _on_the_way(function: Function, name: str, calls: list[f.Call], check: Check) -> Iterator[Finding]:
    fates: dict[str, list[f.Call]] = {}
    for call in calls:
        fates.setdefault(_fate(function, name, call, check), []).append(call)
    if "raises" in fates and not any(_has_background(each) for each in check.project.failures.handlers):
        yield _finding(
            check,
            fates["raises"],
            f"`{function.name}` then raises",
            "return a response with that status, or start the work in another way",
        )
    if "response" in fates:
        yield _finding(
            check,
            fates["response"],
            "the response has a `background=` of its own",
            f"add that task to `{name}` as well, and leave `background=` out",
        )


def _fate(function: Function, name: str, call: f.Call, check: Check) -> str:
    """How every way from a call on loses the task: it "raises", or some give a "response" of their own; "" if not."""
    module, ends = function.module, check.project.types.shared(Endings)
    blocks = module.facts.blocks
    at, block = call.end, call.block
    found: list[f.Exit] = []
    stops = False
    while True:
        entry = blocks[block]
        if entry.kind != "choice":  # its other branches are no way on
            end = function.facts.end if entry.kind in ("function", "lambda") else entry.end
            found += [each for each in function.exits if at <= each.start < end and each.kind in ("return", "raise")]
            stops = stops or _stops(function, at, end, check)
            if not ends.comes_out(function, block):
                break
            if entry.kind in ("function", "lambda", "module", "class") or entry.kind in _LOOPS:
                return ""
        at, block = entry.end, entry.parent
    if not found and not stops:
        return ""
    for leave in found:
        if leave.kind == "raise" and not _escapes(module, leave.block):
            return ""
        if leave.kind == "return" and not _other_background(function, name, leave, check):
            return ""
    return "response" if any(leave.kind == "return" for leave in found) else "raises"


def _stops(function: Function, at: int, end: int, check: Check) -> bool:
    """Whether a function that never returns is called between two places."""
    ends = check.project.types.shared(Endings)
    for call in function.calls:
        if at <= call.start < end and call.use == "statement" and _escapes(function.module, call.block):
            callee = check.project.callee(function.module, call)
            if isinstance(callee, FunctionObject) and ends.never_returns(callee.function):
                return True
    return False


def _escapes(module: Module, block: int) -> bool:
    """Whether an error that is raised in a block leaves the function."""
    blocks = module.facts.blocks
    while block >= 0 and blocks[block].kind not in ("function", "lambda", "class", "module"):
        parent = blocks[block].parent
        beside = [blocks[number] for number in module.children.get(parent, ())]
        if blocks[block].kind == "body" and any(each.kind == "except" for each in beside):
            return False
        last = [each for each in beside if each.kind == "finally" and blocks[block].kind != "finally"]
        exits = module.exits_in.get(blocks[block].function, ())
        if any(each.start <= leave.start < each.end and leave.kind == "return" for each in last for leave in exits):
            return False
        block = parent
    return True


def _other_background(function: Function, name: str, leave: f.Exit, check: Check) -> bool:
    """Whether a return gives a response that has a background task of its own."""
    if leave.kind != "return":
        return False
    module, types = function.module, check.project.types
    value = leave.value
    if isinstance(value, f.Name):
        made = [entry for entry in module.assigns_in.get(function.index, ()) if entry.target == value]
        value = made[0].value if len(made) == 1 else None
    if not isinstance(value, f.CallRef) or not is_response(types.call_type(module, value.index), types):
        return False
    given = f.keyword(module.facts.calls[value.index], "background")
    if given is None or given.value == f.Const(None):
        return False
    if isinstance(given.value, f.CallRef):
        made_of = module.facts.calls[given.value.index]
        return not any(part == f.Name(name) for arg in made_of.args for part in walk(arg.value))
    if not isinstance(given.value, f.Name) or given.value.id == name:
        return False
    sources = [entry.value for entry in module.assigns_in.get(function.index, ()) if entry.target == given.value]
    return bool(sources) and all(isinstance(source, f.CallRef) for source in sources)


def _has_background(function: Function) -> bool:
    """Whether a function gives some call `background=`: an exception handler then knows of tasks."""
    return any(f.keyword(call, "background") is not None for call in function.calls)
