"""FAPI701: start-up and shut-down handlers in the old way, and their rewriting to a lifespan."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import libcst as cst

from fastapi_lint.files.source import Source
from fastapi_lint.finding import Edit, Finding, Fix, Safety
from fastapi_lint.fixing import edits
from fastapi_lint.fixing.edits.bindings import module_names
from fastapi_lint.fixing.edits.calls import call_nodes
from fastapi_lint.index import facts as f
from fastapi_lint.model import Module
from fastapi_lint.model.names import Function, FunctionObject
from fastapi_lint.model.routing import Handler, Router, app_that_ignores, handlers, in_module
from fastapi_lint.rule import Check, rule

_BY_HAND = re.compile(rb"\.on_(?:startup|shutdown)\b|router\s*\.\s*(?:startup|shutdown)\b")


@rule("FAPI701", fix=Safety.UNSAFE)
def deprecated_on_event(module: Module, check: Check) -> Iterator[Finding]:
    """Code for start-up and shut-down is registered with `on_event` or the like instead of a lifespan.

    Why is this bad?
    `on_event`, `add_event_handler` and `on_startup=` are deprecated in favour of `lifespan`; the second is gone from
    current FastAPI already, and handlers of an included router run twice there. A lifespan keeps what belongs together
    in one function: what is opened before the `yield` is closed after it, in local variables instead of globals, and an
    `async with` cannot be forgotten. The two cannot be mixed, either: beside a lifespan, handlers never run (FAPI702).

    Fix safety
    The fix makes a lifespan that calls the handlers in their order, gives it to the app, and takes the decorators
    away. It is unsafe because tests or other modules may look at the handlers of the app; where they are seen to do
    so, there is none. It is offered when the app and all its handlers stand in one module, and no other part of the
    program has a lifespan or handlers.

    Known limits
    Handlers that never run because of a lifespan are left to FAPI702. Nothing is reported where the project declares a
    FastAPI older than 0.93, which takes no lifespan.

    References
    - [Lifespan events](https://fastapi.tiangolo.com/advanced/events/)
    - [Alternative events (deprecated)](https://fastapi.tiangolo.com/advanced/events/#alternative-events-deprecated)
    """
    if check.project.versions.for_path(module.path).never_at_least("fastapi", "0.93", default=False):
        return  # FastAPI takes no lifespan before that
    found = [
        handler for handler in in_module(check.project, module) if app_that_ignores(check.project, handler) is None
    ]
    fixes: dict[Router | None, Fix | None] = {}
    for handler in found:
        if handler.router not in fixes:
            fixes[handler.router] = _fix(handler.router, module, check) if handler.router else None
        written = {"decorator": "on_event", "call": "add_event_handler"}.get(handler.how, f"on_{handler.event}")
        yield check.finding(
            handler,
            f"`{written}` is deprecated",
            why="handlers are skipped in silence as soon as the app gets a `lifespan`",
            instead=(f"move `{handler.function.name}` into a `lifespan`" if handler.function else "use a `lifespan`")
            + (", before the `yield`" if handler.event == "startup" else ", after the `yield`"),
            fix=fixes[handler.router],
        )


def _fix(router: Router, module: Module, check: Check) -> Fix | None:
    """The rewriting of all handlers of an app; None when something else has to be thought of."""
    everything = [each for each in handlers(check.project) if not each.module.is_test or each.module is module]
    if (
        not router.is_app
        or router.module is not module
        or router.keyword("lifespan")
        or router.cls != "fastapi.FastAPI"
    ):
        return None
    if any(
        each.router is not router or each.module is not module or each.how in ("call", "list") for each in everything
    ):
        return None
    if any(one.keyword("lifespan") for one in check.project.routes.routers.values()) or module.mentions(
        "lifespan=", "lifespan_context", "def lifespan("
    ):
        return None
    if _are_run_by_hand(check):
        return None
    calls = _called(everything, module, check)
    decorators = [each.call for each in everything if each.how == "decorator" and isinstance(each.call, f.Call)]
    found = call_nodes(module, [router.call, *decorators]) if calls is not None else None
    if calls is None or found is None or any(arg.star == "**" for arg in found[1][0].args):
        return None
    source, (call, *registering) = found
    statement = _statement(source.tree, call)
    if statement is None or "lifespan" in module_names(source.tree):
        return None
    manager = edits.importing(source, "contextlib", "asynccontextmanager", at=statement)
    iterator = edits.importing(
        source, "collections.abc", "AsyncIterator", at=statement, also=("typing", "typing_extensions")
    )
    app_class = source.code_of(call.func)
    if manager is None or iterator is None or not re.fullmatch(r"[\w.]+", app_class):
        return None
    startup, shutdown = ([text for event, text in calls if event == which] for which in ("startup", "shutdown"))
    variable = router.variable
    lines = [f"@{manager[0]}", f"async def lifespan({variable or 'app'}: {app_class}) -> {iterator[0]}[None]:"]
    lines += [f"{edits.step_of(source)}{line}" for line in (*startup, "yield", *shutdown)]
    made = [_above(source, statement, lines)]
    changed = _argument_edits(source, call)
    if changed is None:
        return None
    removed = _decorators_removed(source, registering)
    if removed is None:
        return None
    return Fix(
        "Make a lifespan of the handlers",
        Safety.UNSAFE,
        (*_imports(*iterator[1], *manager[1]), *made, *changed, *removed),
    )


def _are_run_by_hand(check: Check) -> bool:
    """Whether code goes through the handlers of an app, or runs them, as tests do: a lifespan is not among them."""
    modules = check.project.modules
    words = ("on_startup", "on_shutdown", "startup", "shutdown")
    return any(_BY_HAND.search(each.text) for word in words for each in modules.with_word(word))


def _imports(*new: Edit) -> tuple[Edit, ...]:
    """Import statements that go to one place become one group there."""
    if len(new) != 2 or new[0].span != new[1].span or not all("import" in edit.content for edit in new):
        return new
    first = new[0].content
    code = first.strip()
    newline = "\r\n" if "\r\n" in first else "\n"
    lines = newline.join(edit.content.strip() for edit in new)
    return (Edit(new[0].span, first.replace(code, lines)),)


def _above(source: Source, statement: cst.SimpleStatementLine, lines: Sequence[str]) -> Edit:
    """Insert a function above a statement and the comments on it, with two blank lines around."""
    first = source.span_of(statement).line
    while first > 1 and source.line(first - 1).startswith("#"):
        first -= 1
    blank = 0
    while first - blank > 1 and not source.line(first - blank - 1).strip():
        blank += 1
    start = source.line_starts[first - 1]
    newline = edits.newline_at(source, start)
    gap = "" if first - blank <= 1 else newline * max(2 - blank, 0)
    return edits.between(source, start, start, gap + newline.join([*lines, "", "", ""]))


def _statement(tree: cst.Module, call: cst.Call) -> cst.SimpleStatementLine | None:
    """The statement at module level that assigns the app."""
    for line in tree.body:
        if isinstance(line, cst.SimpleStatementLine) and len(line.body) == 1:
            part = line.body[0]
            if isinstance(part, (cst.Assign, cst.AnnAssign)) and part.value is call:
                return line
    return None


def _called(everything: Sequence[Handler], module: Module, check: Check) -> list[tuple[str, str]] | None:
    """The calls that the lifespan makes, by event; None when a handler cannot be called by its name there.

    Handlers of the constructor's arguments come first, as Starlette runs them.
    """
    found: list[tuple[str, str]] = []
    for handler in sorted(everything, key=lambda each: (each.how != "argument", each.start)):
        if handler.how == "decorator":
            function = handler.function
            if function is None or not _is_callable(function, module, decorators=1):
                return None
            found.append((handler.event, _call(function.name, function)))
            continue
        items = (
            handler.argument.value.items if handler.argument and isinstance(handler.argument.value, f.Display) else None
        )
        if items is None:
            return None
        for item in items:
            value = check.project.infer(item, module, handler.call.block, handler.call.start)
            if not isinstance(item, f.Name) or not isinstance(value, FunctionObject) or value.function.params:
                return None
            if value.function.is_generator:
                return None
            found.append((handler.event, _call(item.id, value.function)))
    return found


def _is_callable(function: Function, module: Module, *, decorators: int) -> bool:
    """Whether a plain function of the module with only those decorators, whose name means nothing else."""
    others = [each for each in module.functions if each.name == function.name and each.facts.outer == 0]
    return (
        function.facts.outer == 0
        and not function.params
        and not function.is_generator
        and len(function.facts.decorators) == decorators
        and len(others) == 1
    )


def _call(name: str, function: Function) -> str:
    return f"await {name}()" if function.is_async else f"{name}()"


def _argument_edits(source: Source, call: cst.Call) -> list[Edit] | None:
    """Give the lifespan to the app, in the place of `on_startup=` and `on_shutdown=`."""
    old = [arg for arg in call.args if arg.keyword is not None and arg.keyword.value in ("on_startup", "on_shutdown")]
    if not old:
        return [edits.add_argument(source, call, "lifespan=lifespan")]
    if len(old) > 2 or edits.comments_in(source, call):
        return None
    made = [edits.replace(source, old[0], "lifespan=lifespan")]
    made += [edits.remove_argument(source, call, arg) for arg in old[1:]]
    return made


def _decorators_removed(source: Source, registering: Sequence[cst.Call]) -> list[Edit] | None:
    """Take the decorators of the handlers away, whole lines."""
    made: list[Edit] = []
    for node in registering:
        decorator = next(
            (
                each
                for line in source.tree.body
                if isinstance(line, cst.FunctionDef)
                for each in line.decorators
                if each.decorator is node
            ),
            None,
        )
        if decorator is None:
            return None
        start, end = edits.extent(source, decorator)
        stop = edits.next_line_start(source, end)
        comment = source.text.find("#", end, stop)
        first = start if comment >= 0 else edits.line_start(source, start)
        made.append(edits.between(source, first, comment if comment >= 0 else stop, ""))
    return made
