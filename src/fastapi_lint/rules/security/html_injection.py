"""FAPI624: texts of clients inside HTML that nobody escapes. What becomes HTML by its call is in the catalogue."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Class, ClassObject, Function, Module
from fastapi_lint.model.routing import Route
from fastapi_lint.model.taint import Arrival, trail
from fastapi_lint.rule import Check, rule

_HTML = "fastapi.responses.HTMLResponse"
_RESPONSE = "fastapi.Response"
_WORDS = ("HTML", "text/html", "Markup")


@rule("FAPI624", severity=Severity.ERROR, needs_requests=True)
def html_injection(module: Module, check: Check) -> Iterator[Finding]:
    """A text of the client becomes part of an HTML page without being escaped.

    Why is this bad?
    `<script>` in the text runs in the browser of whoever opens the page, with the rights of your site: it reads what
    the user sees, and sends requests in the user's name. A link that carries the text in its query is enough.

    Render pages with `Jinja2Templates`, which escapes what it inserts. For a single text `html.escape()` does.

    Known limits
    Numbers, UUIDs, enums, URLs and e-mail addresses that Pydantic has checked, texts that were escaped, matched or
    compared with something fixed, other media types and templates are left alone. Texts of the database, which some
    client may have written earlier, are not followed.

    References
    - [OWASP: cross-site scripting](https://cheatsheetseries.owasp.org/cheatsheets/Cross_Site_Scripting_Prevention_Cheat_Sheet.html)
    - [Templates](https://fastapi.tiangolo.com/advanced/templates/)
    - [CWE-79](https://cwe.mitre.org/data/definitions/79.html)
    """
    flows = check.project.taint
    functions = _functions(module, check)
    classes = frozenset([name for name in module.calls_by_name if name[:1].isupper()]) if functions else frozenset()
    for function in functions:
        for arrival in _arrivals(function, classes, check):
            found = next(flows.entering(arrival, "html"), None)
            if found is None:
                continue
            strand = found[0]
            yield check.finding(
                (arrival.start, arrival.end),
                f"`{strand.shown}` of the client gets into HTML that `{function.name}` makes",
                why="`<script>` in it runs in the browser of whoever opens the page",
                instead="render a template that escapes, or use `html.escape()`",
                related=[check.related(step, step.message, module=step.module) for step in trail(strand, arrival)],
                chain=True,
            )


def _functions(module: Module, check: Check) -> Sequence[Function]:
    """The functions of a module that may make HTML: where nothing says so, endpoints, by the class of their answers."""
    if module.is_test:
        return ()
    if not module.mentions(*_WORDS):
        handlers = check.project.routes.by_handler
        return [function for function in module.functions if function in handlers]
    return module.functions


def _arrivals(function: Function, classes: frozenset[str], check: Check) -> Iterator[Arrival]:
    """What becomes HTML in a function: of a response, by what is called as `classes` are, or what it returns as one."""
    flows, module = check.project.taint, function.module
    made: set[tuple[int, int]] = set()
    for call in flows.sinks.likely(function, "html"):
        for arrival in flows.sinks.arrivals(module, call, "html"):
            made.add((call.start, call.end))
            yield arrival
    for call in function.calls_named(classes):
        content = None if (call.start, call.end) in made else _content(function, call, check)
        if content is not None:
            yield from flows.given(content.value, function, (content.start, content.end), call.block, "html")
    if _answers_html(function, check):
        for leave in function.exits:
            if leave.kind == "return" and leave.value is not None:
                yield from flows.given(leave.value, function, (leave.start, leave.end), leave.block, "html")


def _content(function: Function, call: f.Call, check: Check) -> f.Arg | None:
    """What a response is made of that is HTML by a class of the project, or by a header."""
    if not call.args:
        return None
    callee = check.project.callee(function.module, call)
    types = check.project.types
    is_own = isinstance(callee, ClassObject) and _is_page(callee.cls, check)
    headers = f.keyword(call, "headers")
    by_header = (
        headers is not None
        and isinstance(headers.value, f.Mapping)
        and any(_is_html_type(key, value) for key, value in headers.value.items)
        and types.name_of_type(callee) == _RESPONSE
    )
    if not (is_own or by_header):
        return None
    first = call.args[0] if call.args[0].name == "" else None
    return f.keyword(call, "content") or first


def _is_html_type(key: f.Expr | None, value: f.Expr) -> bool:
    return (
        isinstance(key, f.Const)
        and str(key.value).lower() == "content-type"
        and isinstance(value, f.Const)
        and str(value.value).lower().startswith("text/html")
    )


def _answers_html(function: Function, check: Check) -> bool:
    """Whether what an endpoint returns becomes HTML by the class of its responses."""
    return any(_is_html(route, check) for route in check.project.routes.by_handler.get(function, ()))


def _is_html(route: Route, check: Check) -> bool:
    given = route.given("response_class")
    if given is None and route.router is not None:
        given = route.router.given("default_response_class")
    if given is None:
        apps = {address.app.start: address.app for address in route.addresses}.values()
        given = next((found for app in apps if (found := app.given("default_response_class")) is not None), None)
    if given is None:
        return False
    kind = check.project.infer(given[0], *given[1])
    if isinstance(kind, ClassObject):
        return _is_page(kind.cls, check)
    return check.project.types.name_of_type(kind) == _HTML


def _is_page(cls: Class, check: Check) -> bool:
    """Whether a class of the project makes HTML of what it is given, and does nothing to it."""
    return check.project.types.is_subclass(cls, _HTML) and "render" not in cls.methods
