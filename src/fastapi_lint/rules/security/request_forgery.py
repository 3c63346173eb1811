"""FAPI621: addresses of the client that the server connects to. Judged is where in the URL the client's text stands."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Instance, Module
from fastapi_lint.model.taint import Arrival, decides_host, trail
from fastapi_lint.rule import Check, rule

_REQUESTS = frozenset({"urllib.request.Request", "requests.Request", "httpx.Request", "httpx2.Request"})
_CLIENTS = ("urllib.", "requests.", "httpx.", "httpx2.")
_OWN_TRANSPORT = frozenset({"transport", "mounts", "connector", "proxy", "proxies"})


@rule("FAPI621", severity=Severity.ERROR, needs_requests=True)
def request_forgery(module: Module, check: Check) -> Iterator[Finding]:
    """The client chooses the address that the server connects to.

    Why is this bad?
    The server stands where the client cannot go: behind the firewall, beside the database, in front of the cloud's
    metadata service. Whoever decides where it connects reads from there (`http://169.254.169.254/...`), and has
    requests sent that other services take for the server's own.

    Keep the addresses in a table of your own and let the client choose a key. Where any address must do (web hooks,
    previews), check scheme and host first, resolve the host and refuse private networks, and follow no redirects.

    Known limits
    A client's text behind a fixed host, in the path or the query, is left alone, and so is what follows a base whose
    value is not known. Comparisons of the host, and what went through a function that is called like a check, count
    as checked; clients with a transport or proxy of their own are taken to filter, and so is whatever sends a request
    object, unless it is the library that the object is of.

    References
    - [OWASP: server-side request forgery](https://cheatsheetseries.owasp.org/cheatsheets/Server_Side_Request_Forgery_Prevention_Cheat_Sheet.html)
    - [CWE-918](https://cwe.mitre.org/data/definitions/918.html)
    """
    if module.is_test:
        return
    flows = check.project.taint
    for arrival in flows.arriving(module, "url"):
        found = next((one for one in flows.entering(arrival, "url") if decides_host(*one)), None)
        if found is None or _filters(arrival, check) or _is_sent_by_others(arrival, check):
            continue
        strand, before, _ = found
        what = "the host" if before else "the address"
        yield check.finding(
            (arrival.start, arrival.end),
            f"the client decides {what} that `{_shown(arrival)}` connects to, with `{strand.shown}`",
            why="it reaches what only the server can: internal services, the cloud's metadata",
            instead="look the address up in a fixed table, or check its host before",
            related=[check.related(step, step.message, module=step.module) for step in trail(strand, arrival)],
            chain=True,
        )


def _shown(arrival: Arrival) -> str:
    call = arrival.call
    return arrival.module.source.slice(call.start, call.name_end) if call is not None else arrival.called


def _filters(arrival: Arrival, check: Check) -> bool:
    """Whether the client that connects has been made with a transport of its own."""
    call = arrival.call
    if call is None or not isinstance(call.func, f.Attr):
        return False
    made = check.project.infer(call.func.value, arrival.module, call.block, call.start)
    origin = made.origin if isinstance(made, Instance) else None
    return origin is not None and any(arg.name in _OWN_TRANSPORT for arg in origin.facts.args)


def _is_sent_by_others(arrival: Arrival, check: Check) -> bool:
    """Whether a request object is only made here, and no function of its library is seen to send it."""
    module, call = arrival.module, arrival.call
    if call is None or check.project.called_name(module, call) not in _REQUESTS:
        return False
    made: f.Expr = f.CallRef(module.call_numbers[(call.start, call.end)])
    held = {made, *(entry.target for entry in module.facts.assigns if entry.value == made)}
    for user in module.facts.calls:
        if any(arg.value in held for arg in user.args) and module.enclosing(user.block) == arrival.function:
            taken = [check.project.called_name(module, user)]
            taken += [check.project.name(arg.value, module, user.block, user.start) for arg in user.args]
            if any(name is not None and name.startswith(_CLIENTS) and name not in _REQUESTS for name in taken):
                return False
    return True
