"""FAPI318: page sizes that a client may choose without a limit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from fastapi_lint.finding import Edit, Finding, Fix, Related, Safety
from fastapi_lint.fixing.edits import add_argument, between, importing
from fastapi_lint.fixing.edits.calls import call_node, function_node
from fastapi_lint.fixing.edits.layout import broken_signature
from fastapi_lint.index import facts as f
from fastapi_lint.model import Class, ClassObject, Function, FunctionObject, Instance, Module, Parameter, Project, Route
from fastapi_lint.model.routing import placeholders
from fastapi_lint.model.types import DEPENDS
from fastapi_lint.rule import Check, rule

_TEXTS = re.compile(r'"""[\s\S]*?"""|\'\'\'[\s\S]*?\'\'\'|"[^"\\\n]*"|\'[^\'\\\n]*\'|#[^\n]*')
_SQL_LIMIT = re.compile(r"\b(?:LIMIT|FETCH|TOP)\b\s*[:%$@({?]")
_NAMES = frozenset(
    {"limit", "page_size", "per_page", "size", "count", "top", "take", "first", "n", "pagesize", "perpage"}
)
_BOUNDS = frozenset({"le", "lt", "multiple_of"})
_DEPTH = 3
_LEAST = 100
_MOST = 1000


@rule("FAPI318", fix=Safety.UNSAFE)
def unbounded_page_size(project: Project, check: Check) -> Iterator[Finding]:
    """A client can ask for a page of any size.

    Why is this bad?
    `?limit=1000000000` makes the database, the serialiser and the memory of the worker do as much work as there are
    rows. One request is enough to stop a service, and it looks like any other in the log. `Query(le=100)` turns it into
    a 422, and says the limit in the OpenAPI document.

    Fix safety
    `le=100`, or the default if that is larger (up to 1000), is added. Clients that ask for more get 422.

    Known limits
    Silent when the size is clamped with `min` or compared by the handler or a function that it is handed to, when all
    that it does is to cut a piece out of a list or to be put into a dict (for another service, which has limits of its
    own), and when the type is not a plain `int`.

    References
    - [FastAPI: query parameters and validations](https://fastapi.tiangolo.com/tutorial/query-params-str-validations/)
    - [OWASP API4:2023 unrestricted resource consumption](https://owasp.org/API-Security/editions/2023/en/0xa4-unrestricted-resource-consumption/)
    """
    seen: set[tuple[str, int]] = set()
    for route in project.routes.all:
        if route.handler is None or route.module.is_test or route.kind != "http" or "GET" not in route.methods:
            continue
        for parameter in _parameters(route, route.handler, project):
            key = (parameter.function.module.path, parameter.start)
            if key in seen:
                continue
            seen.add(key)
            users = (parameter.function, route.handler)
            if _is_unbounded(parameter, project) and not any(
                _clamped(one, parameter.name, project, 0) for one in users
            ):
                yield _report(parameter, route, check)
        for cls, entry in _model_fields(route.handler, project):
            key = (cls.module.path, entry.start)
            if key not in seen:
                seen.add(key)
                if _is_open_field(cls, entry, project) and not _mentions_bound(route.handler, entry, project):
                    yield _report_field(cls, entry, route, check)


def _parameters(route: Route, handler: Function, project: Project) -> Iterator[Parameter]:
    """Parameters that may be page sizes: of the handler, and of the functions and classes it depends on."""
    in_path = {name for name, _ in placeholders(route.path)}
    for parameter in project.dependencies.parameters(handler):
        if parameter.name not in in_path:
            yield parameter
    for depends in project.dependencies.of_handler(route):
        for one in project.dependencies.closure(depends):
            match one.target:
                case FunctionObject(function=function):
                    yield from project.dependencies.parameters(function)
                case ClassObject(cls=cls):
                    init = project.types.member(cls, "__init__", Instance(cls))
                    if isinstance(init, FunctionObject):
                        yield from project.dependencies.parameters(init.function)


def _is_unbounded(parameter: Parameter, project: Project) -> bool:
    if parameter.name.lower() not in _NAMES or parameter.marker not in ("", "fastapi.Query"):
        return False
    if not (isinstance(parameter.type, Instance) and parameter.type.cls == "int") or parameter.marker in DEPENDS:
        return False
    if parameter.name.lower() == "size" and _default(parameter, project) == 0:
        return False  # a number of bytes: no page is empty by default
    call = parameter.marker_call
    if call is not None and any(arg.name in _BOUNDS or arg.name in ("*", "**") for arg in call.args):
        return False
    where = (parameter.function.module, parameter.function.facts.outer, parameter.start)
    return not _bounded_annotation(parameter.fact.annotation, where, parameter.marker_call, project)


def _bounded_annotation(
    annotation: f.Expr | None, where: tuple[Module, int, int], marker: f.Call | None, project: Project
) -> bool:
    """Whether other metadata (`Field(le=...)`, `annotated_types.Le`, a validator) may bound the value."""
    for module, expr, _ in project.types.metadata(annotation, where):
        if not isinstance(expr, f.CallRef):
            if not isinstance(expr, f.Const):
                return True
            continue
        call = module.facts.calls[expr.index]
        if call is marker:
            continue
        name = project.called_name(module, call) or "?"
        if not name.endswith((".Doc", ".Field", ".Query", ".WithJsonSchema")) or any(
            a.name in _BOUNDS for a in call.args
        ):
            return True
    return False


def _clamped(function: Function, name: str, project: Project, depth: int) -> bool:
    """Whether a function limits the value: min(), a comparison, a check; or hands it to a function that does."""
    source = function.module.source
    body = source.slice(function.facts.head_end, function.facts.end)
    word = rf"\b{re.escape(name)}\b"
    if re.search(rf"\b(?:min|clamp\w*|clip|max_\w+|validate_\w+|normali[sz]e_\w+)\s*\((?s:.{{0,60}}?){word}", body):
        return True
    if re.search(
        rf"{word}\s*>|<=?\s*(?:\w+\.)*{word}|{word}\s*(?:not\s+)?in\b(?!\s*range)|{word}\s*=(?!=)\s*(?:{word}\s+if|min\b)",
        body,
    ):
        return True
    if _is_forwarded(name, body):
        return True
    if re.search(_cut(name), body) and not _handed_on(function, name, project):
        return True  # a piece is cut out of what is loaded anyway
    if depth >= _DEPTH:
        return False
    for call in function.calls:
        for position, arg in enumerate(call.args):
            if not _carries(arg.value, name):
                continue
            callee = project.callee(function.module, call)
            target = callee
            if isinstance(callee, ClassObject):
                target = project.types.member(callee.cls, "__init__", Instance(callee.cls))
                if not isinstance(target, FunctionObject):
                    return isinstance(callee, ClassObject) and _field_bounded(callee.cls, arg.name or name)
            if not isinstance(target, FunctionObject):
                continue
            shift = 1 if target.function.cls is not None and target.owner is not None else 0
            params = target.function.params
            inner = arg.name or (params[position + shift].name if position + shift < len(params) else "")
            if inner and _clamped(target.function, inner, project, depth + 1):
                return True
    return False


def _is_forwarded(name: str, body: str) -> bool:
    """Whether all that a function does with a value is to put it under a key, and no SQL of it has a limit."""
    if _SQL_LIMIT.search(body):
        return False
    code = _TEXTS.sub('""', body)
    uses = len(re.findall(rf"(?<![\w.]){re.escape(name)}\b(?!\s*=)", code))
    word = re.escape(name)
    kept = len(re.findall(rf'""\s*(?::|\]\s*=)\s*{word}\s*(?:[,}}]|$)', code, re.M))
    asked = len(re.findall(rf"\bif [^\n:]{{0,200}}(?<![\w.]){word}(?: is not None)?:", code))
    return kept > 0 and uses == kept + asked


def _cut(name: str) -> str:
    """A pattern for a piece of a list, `rows[start : start + limit]` or `rows[-limit:]`."""
    return rf"\[(?:[^\[\]\n]*:[^\[\]\n]*\b{re.escape(name)}\b[^\[\]\n]*|-\s*{re.escape(name)}\s*:\s*)\]"


def _handed_on(function: Function, name: str, project: Project) -> bool:
    """Whether a call or variable gets the value; making an object of the project, such as the answer, is no call."""
    module, word = function.module, re.compile(rf"\b{re.escape(name)}\b")

    def gets(start: int, end: int) -> bool:
        return word.search(re.sub(_cut(name), "", module.source.slice(start, end))) is not None

    if any(gets(entry.start, entry.end) for entry in module.assigns_in.get(function.index, ())):
        return True
    for call in function.calls:
        for arg in call.args:
            start = arg.start + len(arg.name.encode()) if arg.name.isidentifier() else arg.start
            if gets(start, arg.end) and not isinstance(project.callee(module, call), ClassObject):
                return True
    return False


def _carries(expr: f.Expr, name: str) -> bool:
    match expr:
        case f.Name(id=found):
            return found == name
        case f.Attr(attr=found):
            return found == name
        case f.Choice(options=options):
            return any(_carries(option, name) for option in options)
    return False


def _field_bounded(cls: Class, name: str) -> bool:
    """Whether a model's field of that name has a bound of its own."""
    entry = cls.assigns.get(name)
    if entry is None:
        return False
    return re.search(r"\b(?:le|lt)\s*=", cls.module.source.slice(entry.start, entry.end)) is not None


def _model_fields(handler: Function, project: Project) -> Iterator[tuple[Class, f.Assign]]:
    """The page sizes of query models: `Annotated[Page, Query()]`, and of models and data classes behind Depends()."""
    classes = [
        parameter.type.cls
        for parameter in project.dependencies.parameters(handler)
        if parameter.marker == "fastapi.Query"
        and isinstance(parameter.type, Instance)
        and isinstance(parameter.type.cls, Class)
    ]
    for depends in project.dependencies.of_function(handler):
        match depends.target:
            case ClassObject(cls=cls) if not isinstance(
                project.types.member(cls, "__init__", Instance(cls)), FunctionObject
            ):
                classes.append(cls)
    for cls in classes:
        for base in project.types.mro(cls):
            if isinstance(base, Class) and not any(
                "validator" in d for m in base.methods.values() for d in project.types.decorators(m)
            ):
                for name, entry in base.assigns.items():
                    if name.lower() in _NAMES:
                        yield base, entry


def _is_open_field(cls: Class, entry: f.Assign, project: Project) -> bool:
    where = (cls.module, entry.block, entry.start)
    declared = project.types.annotation(entry.annotation, where) if entry.annotation is not None else None
    if not isinstance(declared, Instance) or declared.cls != "int":
        return False
    if isinstance(entry.value, f.CallRef):
        call = cls.module.facts.calls[entry.value.index]
        name = project.called_name(cls.module, call) or "?"
        if not name.endswith((".Field", ".Query")) or any(arg.name in (*_BOUNDS, "*", "**") for arg in call.args):
            return False
    return not _bounded_annotation(entry.annotation, where, None, project)


def _mentions_bound(handler: Function, entry: f.Assign, project: Project) -> bool:
    name = entry.target.id if isinstance(entry.target, f.Name) else ""
    return _clamped(handler, name, project, 0)


def _report_field(cls: Class, entry: f.Assign, route: Route, check: Check) -> Finding:
    name = entry.target.id if isinstance(entry.target, f.Name) else "?"
    return check.finding(
        entry,
        f"`{name}` of `{cls.name}` has no upper bound: a client of `{route.name}` can ask for any number of rows at "
        f"once; give it `Field(le={_LEAST})`",
        module=cls.module,
        related=[check.related(route, "a query parameter here", module=route.module)],
    )


def _report(parameter: Parameter, route: Route, check: Check) -> Finding:
    function = parameter.function
    owner = function.cls.name if function.cls is not None and function.name == "__init__" else function.name
    related: list[Related] = []
    if function is not route.handler:
        related.append(check.related(route, "a query parameter here", module=route.module))
    bound = _bound(parameter, check.project)
    return check.finding(
        parameter,
        f"`{parameter.name}` of `{owner}` has no upper bound: a client can ask for any number of rows at once; give it "
        f"`Query(le={bound or '...'})`",
        module=function.module,
        related=related,
        fix=partial(_fix, parameter, bound) if bound is not None else None,
    )


def _bound(parameter: Parameter, project: Project) -> int | None:
    """100, or the default if that is larger; None when the default itself is no limit."""
    number = _default(parameter, project)
    if number is not None and number > _MOST:
        return None
    return max(_LEAST, int(number)) if number is not None else _LEAST


def _default(parameter: Parameter, project: Project) -> float | None:
    """The default of a parameter or of its marker, when that is a known number."""
    default = parameter.fact.default
    if parameter.marker_call is not None and not parameter.in_annotation:
        given = [arg.value for arg in parameter.marker_call.args if arg.name in ("", "default")]
        default = given[0] if given else None
    function = parameter.function
    return project.values.number(default, (function.module, function.facts.outer, parameter.start))


def _fix(parameter: Parameter, bound: int) -> Fix | None:
    module = parameter.function.module
    call = parameter.marker_call
    if call is not None:
        if parameter.marker_module is not module or not parameter.start <= call.start < parameter.end:
            return None  # an alias: others use it too
        found = call_node(module, call)
        return Fix("Bound the page size", Safety.UNSAFE, (add_argument(*found, f"le={bound}"),)) if found else None
    text = module.source.slice(parameter.start, parameter.end)
    match = re.match(r"(\w+\s*:\s*)(int|int \| None|Optional\[int\])(?=\s*(?:=|\Z))", text)
    opened = function_node(parameter.function) if match is not None else None
    if match is None or opened is None:
        return None
    source, function = opened
    query = importing(source, "fastapi", "Query")
    annotated = importing(source, "typing", "Annotated")
    if query is None or annotated is None:
        return None
    start = parameter.start + len(match[1].encode())
    span = source.span(start, start + len(match[2].encode()))
    edit = Edit(span, f"{annotated[0]}[{match[2]}, {query[0]}(le={bound})]")
    broken = broken_signature(source, function, len(edit.content) - len(match[2])) or []
    made = (between(source, *piece) for piece in broken)
    return Fix("Bound the page size", Safety.UNSAFE, (*query[1], *annotated[1], edit, *made))
