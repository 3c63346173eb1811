"""FAPI622: redirects to where the client says. Judged is where in the location the client's text stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fastapi_lint.finding import Finding
from fastapi_lint.index import facts as f
from fastapi_lint.model import External, Function, Module
from fastapi_lint.model.taint import Arrival, Entry, Strand, Text, decides_host, trail
from fastapi_lint.rule import Check, rule

_WORDS = ("RedirectResponse", "ocation")
_OTHERS = frozenset({"header", "cookie", "credential", "message", "content", "path of the URL"})
"""What a link of somebody else does not set; of headers the referer does."""


@rule("FAPI622", needs_requests=True)
def open_redirect(module: Module, check: Check) -> Iterator[Finding]:
    """The client chooses where the browser is sent.

    Why is this bad?
    A link to your site that ends on another one is what a phishing mail needs: the address in it is yours, the page
    that asks for the password is not. Where tokens travel in the location (OAuth), they are given away with it.

    Take the target from a fixed table, or build it with `request.url_for()`. Of a path for the way back check that it
    begins with one slash and not with two, or that `urlsplit(next)` has neither scheme nor host.

    Known limits
    A client's text behind a fixed host or path is left alone, and so are values that were signed, and headers and
    cookies other than the referer, which a link of somebody else cannot set.

    References
    - [OWASP: unvalidated redirects](https://cheatsheetseries.owasp.org/cheatsheets/Unvalidated_Redirects_and_Forwards_Cheat_Sheet.html)
    - [CWE-601](https://cwe.mitre.org/data/definitions/601.html)
    """
    for function in _functions(module, check):
        for arrival in _arrivals(function, check):
            found = next((one for one in check.project.taint.entering(arrival, "redirect") if _leads_away(*one)), None)
            if found is None:
                continue
            strand = found[0]
            yield check.finding(
                (arrival.start, arrival.end),
                f"the client decides where `{function.name}` redirects to, with `{strand.shown}`",
                why="a link to this site ends on any other one",
                instead="choose from fixed targets, or check that it begins with one slash and has no host",
                related=[check.related(step, step.message, module=step.module) for step in trail(strand, arrival)],
                chain=True,
            )


def _functions(module: Module, check: Check) -> Sequence[Function]:
    """The functions of a module that may redirect: where nothing says so, endpoints, by the class of their answers."""
    if module.is_test:
        return ()
    if not module.mentions(*_WORDS):
        handlers = check.project.routes.by_handler
        return [one for one in module.functions if one in handlers and _answers_by_class(one, check)]
    return module.functions


def _arrivals(function: Function, check: Check) -> Iterator[Arrival]:
    """What becomes a location in a function: of a RedirectResponse, a header, or what it returns as one."""
    flows, module = check.project.taint, function.module
    for call in flows.sinks.likely(function, "redirect"):
        yield from flows.sinks.arrivals(module, call, "redirect")
    for call in function.calls:
        for arg in call.args:
            if arg.name == "headers" and isinstance(arg.value, f.Mapping) and _is_response(function, call, check):
                for key, value in arg.value.items:
                    if _is_location(key):
                        yield from flows.given(value, function, (arg.start, arg.end), call.block, "redirect")
    for assign in module.assigns_in.get(function.index, ()):
        match assign.target:
            case f.Sub(value=f.Attr(attr="headers"), items=(key,)) if _is_location(key) and assign.value is not None:
                yield from flows.given(assign.value, function, (assign.start, assign.end), assign.block, "redirect")
    if _answers_by_class(function, check):
        for leave in function.exits:
            if leave.kind == "return" and leave.value is not None:
                yield from flows.given(leave.value, function, (leave.start, leave.end), leave.block, "redirect")


def _leads_away(strand: Strand, before: Text, after: Text) -> bool:
    origin = strand.origin
    if not isinstance(origin, Entry) or (origin.part and not before and not after):
        return False
    if origin.what in _OTHERS and "referer" not in origin.shown.lower() and "referrer" not in origin.shown.lower():
        return False
    # A slash in front of a text that begins with one makes `//host`.
    return decides_host(strand, before, after) or (before == ("/",) and not origin.part and not strand.is_safe("/none"))


def _is_location(key: f.Expr | None) -> bool:
    return isinstance(key, f.Const) and str(key.value).lower() == "location"


def _is_response(function: Function, call: f.Call, check: Check) -> bool:
    name = check.project.called_name(function.module, call) or ""
    return name.endswith(("Response", "HTTPException"))


def _answers_by_class(function: Function, check: Check) -> bool:
    """Whether what an endpoint returns becomes a redirect by its `response_class`."""
    for route in check.project.routes.by_handler.get(function, ()):
        given = route.keyword("response_class")
        if given is not None:
            kind = check.project.infer(given.value, *route.where)
            if isinstance(kind, External) and kind.name == "fastapi.responses.RedirectResponse":
                return True
    return False
