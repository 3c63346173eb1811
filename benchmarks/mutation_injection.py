"""Operators for rules about dependencies, routes, responses and tasks: what is right is made wrong in one place."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from mutation_places import (
    File,
    Function,
    Mutant,
    Project,
    assigned,
    defaults,
    is_websocket,
    own,
    route_of,
    word,
    yields,
)

MARKERS = ("Query", "Path", "Header", "Cookie", "Body", "Form", "File")


def unused_suppression(project: Project, file: File) -> Iterator[Mutant]:
    """FAPI002: a comment at a `return` where nothing is found."""
    for function in file.requests:
        for node in own(function):
            if isinstance(node, ast.Return) and "#" not in file.of(node) and node.lineno == node.end_lineno:
                yield Mutant(((file.end(node), file.end(node), "  # noqa: FAPI202"),), file.at(node))


def depends_on_call_result(project: Project, file: File) -> Iterator[Mutant]:
    """FAPI202: `Depends(load)` becomes `Depends(load())`, where `load` is a function of the project."""
    for call in file.calls("Depends"):
        if len(call.args) == 1 and isinstance(call.args[0], ast.Name) and call.args[0].id in project.plain:
            yield Mutant(((file.end(call.args[0]),) * 2 + ("()",),), file.at(call))


def default_inside_annotated(project: Project, file: File) -> Iterator[Mutant]:
    """FAPI203: `limit: int = Query(10, le=100)` becomes `limit: Annotated[int, Query(10, le=100)] = 10`."""
    for parameter, value in _marked(project, file):
        first = value.args[0] if value.args else None
        given = [each.value for each in value.keywords if each.arg == "default"]
        default = first or (given[0] if given else None)
        is_required = isinstance(default, ast.Constant) and default.value is ...
        if default is None or is_required or parameter.annotation is None:
            continue
        annotation = f"_Annotated[{file.of(parameter.annotation)}, {file.of(value)}]"
        edits = (file.replaced(parameter.annotation, annotation), file.replaced(value, file.of(default)))
        yield Mutant(
            (file.importing("from typing import Annotated as _Annotated"), *edits), file.at(parameter.annotation)
        )


def pydantic_field_as_parameter(project: Project, file: File) -> Iterator[Mutant]:
    """FAPI204: `limit: int = Query(10)` becomes `limit: int = Field(10)`."""
    for _, value in _marked(project, file):
        edit = file.replaced(value.func, "_Field")
        yield Mutant((file.importing("from pydantic import Field as _Field"), edit), file.at(value))


def _marked(project: Project, file: File) -> Iterator[tuple[ast.arg, ast.Call]]:
    for function in {*file.requests, *project.dependencies(file)}:
        for parameter, value in defaults(function):
            if isinstance(value, ast.Call) and file.name_of(value.func).startswith("fastapi."):
                if file.name_of(value.func).rpartition(".")[2] in MARKERS:
                    yield parameter, value


def _generators(project: Project, file: File) -> Iterator[Function]:
    yield from (each for each in project.dependencies(file) if yields(each) and not each.decorator_list)


def _around_yield(function: Function) -> Iterator[ast.Try]:
    for node in own(function):
        if isinstance(node, ast.Try) and any(
            isinstance(each, ast.Yield) for part in node.body for each in ast.walk(part)
        ):
            yield node


def dependency_swallows_exception(project: Project, file: File) -> Iterator[Mutant]:
    """FAPI206: the `raise` of a handler around the `yield` is taken out, or a handler that passes is put in."""
    for function in _generators(project, file):
        for block in _around_yield(function):
            broad = [each for each in block.handlers if each.type is None or file.name_of(each.type) == "Exception"]
            for handler in broad:
                raises = [each for each in ast.walk(handler) if isinstance(each, ast.Raise)]
                if raises:
                    edits = tuple(file.replaced(each, "pass") for each in raises)
                    yield Mutant(edits, (file.start(handler), file.end(handler)))
            if not block.handlers and block.finalbody:
                # The line of `finally:` is the last before its body that holds the word.
                end = file.end(block.body[-1])
                place = file.text.rfind("\n", 0, file.text.index("finally", end)) + 1
                indent = " " * block.col_offset
                text = f"{indent}except Exception:\n{indent}    print('failed')\n"
                yield Mutant(((place, place, text),), (place, place))


def dependency_without_cleanup(project: Project, file: File) -> Iterator[Mutant]:
    """FAPI207: `try: yield x finally: x.close()` loses its `try`; `async with make() as x:` becomes `x = make()`."""
    for function in _generators(project, file):
        yield from _unguarded(file, function)
        for node in own(function):
            if isinstance(node, (ast.With, ast.AsyncWith)) and len(node.items) == 1:
                item = node.items[0]
                is_held = any(isinstance(each, ast.Yield) for each in ast.walk(node))
                is_held = is_held and ".close()" not in file.of(node)
                if is_held and isinstance(item.optional_vars, ast.Name) and isinstance(item.context_expr, ast.Call):
                    made = f"{' ' * node.col_offset}{item.optional_vars.id} = {file.of(item.context_expr)}\n"
                    yield Mutant(tuple(file.dedented(node, node.body, made)), file.whole(function))


def contextmanager_without_finally(project: Project, file: File) -> Iterator[Mutant]:
    """FAPI229: the same of a function under `contextmanager` or `asynccontextmanager` that is no lifespan."""
    for function in file.functions:
        names = {file.name_of(each).rpartition(".")[2] for each in function.decorator_list}
        if names & {"contextmanager", "asynccontextmanager"} and "lifespan" not in function.name:
            yield from _unguarded(file, function)


def _unguarded(file: File, function: Function) -> Iterator[Mutant]:
    held = [each for each in own(function) if isinstance(each, (ast.With, ast.AsyncWith))]
    for block in _around_yield(function):
        if any(each.lineno < block.lineno <= (each.end_lineno or 0) for each in held):
            continue  # what is entered around it is closed anyway
        last = block.finalbody and block.finalbody[-1]
        is_cleanup = any(
            isinstance(node, ast.Attribute) and node.attr in {"close", "aclose", "release", "disconnect", "rollback"}
            for each in block.finalbody
            for node in ast.walk(each)
        )
        if last and is_cleanup and not block.handlers and not block.orelse:
            edits = file.dedented(block, block.body, "")
            end = file.text.find("\n", file.end(block.body[-1])) + 1
            moved = file.dedented(block, block.finalbody, "")[1:]
            edits += [(end, file.line_start(block.finalbody[0]), ""), *moved]
            yield Mutant(tuple(edits), file.whole(function))


def dependency_cycle(project: Project, file: File) -> Iterator[Mutant]:
    """FAPI208: a dependency that another of the same file depends on comes to depend on that."""
    named = {each.name: each for each in file.top_functions}
    for function in file.top_functions:
        for _, value in defaults(function):
            if not (isinstance(value, ast.Call) and file.name_of(value.func) == "fastapi.Depends" and value.args):
                continue
            inner = named.get(file.of(value.args[0]))
            if inner is None or route_of(function) or function.name not in project.depended_on:
                continue
            parameters = [*inner.args.args, *inner.args.kwonlyargs]
            written = f"_again: _Annotated[object, _Depends({function.name})]"
            place = file.text.index("(", file.start(inner)) + 1
            comma = ", " if parameters else ""
            imports = "from typing import Annotated as _Annotated\nfrom fastapi import Depends as _Depends"
            edits = ((place, place, written + comma), file.importing(imports))
            if "from __future__ import annotations" not in file.text:
                if edits[1][0] == 0:
                    edits = (edits[0], file.importing("from __future__ import annotations\n" + imports))
                else:
                    continue
            yield Mutant(edits, None)


def contextmanager_as_dependency(project: Project, file: File) -> Iterator[Mutant]:
    """FAPI213: a dependency with `yield` is decorated."""
    for function in _generators(project, file):
        name = "asynccontextmanager" if isinstance(function, ast.AsyncFunctionDef) else "contextmanager"
        edits = (file.importing(f"from contextlib import {name} as _held"), file.before(function, "@_held"))
        yield Mutant(edits, (file.start(function), file.start(function)))


def shared_mutable_state(project: Project, file: File) -> Iterator[Mutant]:
    """FAPI216: an endpoint counts its calls in a global of its module."""
    for function in file.requests:
        if body := file.body(function):
            edits = (file.declaring("_seen = 0"), file.before(body[0], "global _seen\n_seen += 1"))
            yield Mutant(edits, (file.line_start(body[0]),) * 2)


def response_outlives_dependency(project: Project, file: File) -> Iterator[Mutant]:
    """FAPI225: the dependency of an endpoint whose stream uses it gets the scope of the function."""
    for function in file.requests:
        inner = [each for each in ast.walk(function) if each is not function]
        nested = [each for each in inner if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef)) and yields(each)]
        for parameter, value in defaults(function):
            used = any(word(parameter.arg).search(file.of(each)) for each in nested)
            if used and isinstance(value, ast.Call) and file.name_of(value.func) == "fastapi.Depends":
                yield Mutant(((file.end(value) - 1,) * 2 + (', scope="function"',),), file.whole(function))


def uncacheable_dependency(project: Project, file: File) -> Iterator[Mutant]:
    """FAPI227: a dependency that is given the request is cached."""
    for function in project.dependencies(file):
        takes = [*file.annotated(function, "Request", "Session")]
        if takes and isinstance(function, ast.FunctionDef) and not yields(function) and not function.decorator_list:
            edits = (file.importing("from functools import lru_cache as _cached"), file.before(function, "@_cached"))
            yield Mutant(edits, (file.start(function), file.end(function.body[0])))


def cached_coroutine(project: Project, file: File) -> Iterator[Mutant]:
    """FAPI113: a coroutine function or a generator that is no endpoint is cached."""
    for function in file.top_functions:
        if not function.decorator_list and (isinstance(function, ast.AsyncFunctionDef) or yields(function)):
            edits = (file.importing("from functools import lru_cache as _cached"), file.before(function, "@_cached"))
            yield Mutant(edits, (file.start(function), file.start(function)))


def repeated_concurrency_limit(project: Project, file: File) -> Iterator[Mutant]:
    """FAPI228: two of the places that depend on one function limit it, each by itself."""
    found: dict[str, list[ast.Call]] = {}
    for function in file.requests:
        for _, value in defaults(function):
            if isinstance(value, ast.Call) and file.name_of(value.func) == "fastapi.Depends" and len(value.args) == 1:
                found.setdefault(file.of(value.args[0]), []).append(value)
    for places in found.values():
        if len(places) > 1 and not any(each.keywords for each in places):
            first, second = places[:2]
            edits = tuple((file.end(each) - 1,) * 2 + (", max_concurrency=4",) for each in (first, second))
            yield Mutant(edits, (file.start(first), file.end(second)))


def positional_only_parameter(project: Project, file: File) -> Iterator[Mutant]:
    """FAPI230: a `/` behind the first parameter of an endpoint or a dependency."""
    for function in {*file.requests, *project.dependencies(file)}:
        arguments = function.args
        if arguments.args and not arguments.posonlyargs:
            first = arguments.args[0]
            default = [value for parameter, value in defaults(function) if parameter is first]
            end = file.end(default[0] if default else first)
            yield Mutant(((end, end, ", /"),), (file.start(first), end))


def generic_route_decorator(project: Project, file: File) -> Iterator[Mutant]:
    """FAPI312: `@router.get("/x")` becomes `@router.route("/x")`."""
    made = {name for each in file.tree.body for value, name in [assigned(each)] if _makes_router(file, value)}
    for function in file.requests:
        route = route_of(function)
        if route is not None and isinstance(route.func, ast.Attribute) and file.of(route.func.value) in made:
            text = f"{file.of(route.func.value)}.route({file.of(route.args[0])})"
            yield Mutant((file.replaced(route, text),), file.at(route))


def _makes_router(file: File, value: ast.expr | None) -> bool:
    return isinstance(value, ast.Call) and file.name_of(value.func) in {"fastapi.APIRouter", "fastapi.FastAPI"}


def missing_template(project: Project, file: File) -> Iterator[Mutant]:
    """FAPI338: the name of a template gets a letter too many."""
    for call in file.calls("TemplateResponse"):
        for each in [*call.args, *(keyword.value for keyword in call.keywords)]:
            if isinstance(each, ast.Constant) and isinstance(each.value, str) and each.value.endswith(".html"):
                yield Mutant((file.replaced(each, repr(each.value[:-5] + "z.html")),), file.at(call))


def discarded_injected_response(project: Project, file: File) -> Iterator[Mutant]:
    """FAPI344: an endpoint sets a header on the injected response and returns a response of its own."""
    for function in file.requests:
        returns = [each for each in own(function) if isinstance(each, ast.Return)]
        body = file.body(function)
        if len(returns) != 1 or not body or body[-1] is not returns[0] or returns[0].value is None:
            continue
        if [*file.annotated(function, "Response")] or "Response" in file.of(returns[0]):
            continue
        place = file.text.index("(", file.start(function)) + 1
        edits = (
            file.importing(
                "from fastapi import Response as _Response\nfrom fastapi.responses import JSONResponse as _J"
            ),
            (place, place, "_answer: _Response" + (", " if function.args.args or function.args.kwonlyargs else "")),
            file.before(body[0], '_answer.headers["x-from"] = "here"'),
            file.replaced(returns[0].value, f"_J({file.of(returns[0].value)})"),
        )
        yield Mutant(edits, file.whole(function))


def background_task_called(project: Project, file: File) -> Iterator[Mutant]:
    """FAPI801: `tasks.add_task(send, x)` becomes `tasks.add_task(send(x))`."""
    for call in file.calls("add_task"):
        if len(call.args) > 1 and isinstance(call.args[0], (ast.Name, ast.Attribute)):
            rest = file.text[file.start(call.args[1]) : file.end(call) - 1]
            text = f"{file.of(call.func)}({file.of(call.args[0])}({rest}))"
            yield Mutant((file.replaced(call, text),), file.at(call))


def offload_of_call_result(project: Project, file: File) -> Iterator[Mutant]:
    """FAPI110: `to_thread(load, x)` becomes `to_thread(load(x))`."""
    for call in file.calls("to_thread", "run_in_threadpool"):
        if call.args and isinstance(call.args[0], (ast.Name, ast.Attribute)):
            rest = file.text[file.end(call.args[0]) : file.end(call) - 1].lstrip(",")
            text = f"{file.of(call.func)}({file.of(call.args[0])}({rest}))"
            yield Mutant((file.replaced(call, text),), file.at(call))


def websocket_not_accepted(project: Project, file: File) -> Iterator[Mutant]:
    """FAPI804: `await websocket.accept()` is taken out of a websocket's endpoint or of a manager."""
    for function in file.functions:
        for node in own(function):
            if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Await)):
                continue
            call = node.value.value
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "accept":
                yield Mutant((file.replaced(node, "pass"),), file.whole(function) if is_websocket(function) else None)


def lost_background_task(project: Project, file: File) -> Iterator[Mutant]:
    """FAPI811: the injected tasks become an object made by hand that nothing is told of."""
    for function in file.requests:
        body = file.body(function)
        for parameter in file.annotated(function, "BackgroundTasks"):
            name = parameter.arg
            used = [each for each in own(function) if isinstance(each, ast.Name) and each.id == name]
            adds = [each for each in file.calls("add_task") if file.of(each.func) == f"{name}.add_task"]
            adds = [each for each in adds if function.lineno <= each.lineno <= (function.end_lineno or 0)]
            if body and adds and len(used) == len(adds):
                edits = ((file.start(parameter),) * 2 + ("_",), file.before(body[0], f"{name} = _Tasks()"))
                imported = file.importing("from fastapi import BackgroundTasks as _Tasks")
                yield Mutant((imported, *edits), file.whole(function))


def request_object_outlives_request(project: Project, file: File) -> Iterator[Mutant]:
    """FAPI812: the uploaded file goes into a task that nobody awaits."""
    scan = "async def _scan(file: object) -> None:\n    await file.read()\n"
    for function in file.requests:
        body = file.body(function)
        for parameter in file.annotated(function, "UploadFile"):
            if body and isinstance(function, ast.AsyncFunctionDef):
                started = file.before(body[0], f"_task = _asyncio.create_task(_scan({parameter.arg}))")
                yield Mutant((file.declaring("import asyncio as _asyncio\n" + scan), started), (started[0], started[0]))
