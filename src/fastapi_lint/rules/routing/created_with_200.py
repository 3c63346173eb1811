"""FAPI302: POST operations that create something and answer 200."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

import libcst as cst

from fastapi_lint.files.source import Source
from fastapi_lint.finding import Edit, Finding, Fix, Safety, Severity
from fastapi_lint.fixing.edits import importing, replace_argument_value, with_argument
from fastapi_lint.fixing.edits.calls import call_node
from fastapi_lint.index import facts as f
from fastapi_lint.model import Class, Function, Module, Route
from fastapi_lint.model.calls import Trail
from fastapi_lint.model.data import kept_upload, status_is_decided, takes_upload
from fastapi_lint.model.database import Insert, may_be_meant
from fastapi_lint.model.routing import Wording, takes, wording
from fastapi_lint.model.secrets import VERIFIES, verifies
from fastapi_lint.rule import Check, rule

_CONSTANTS = re.compile(rb"^from starlette\.status import", re.M)


@rule("FAPI302", severity=Severity.INFO, fix=Safety.UNSAFE)
def created_with_200(module: Module, check: Check) -> Iterator[Finding]:
    """A POST that creates a resource answers 200 instead of 201.

    Why is this bad?
    201 tells a client, a cache and a log that something new exists; 200 says only that the request went well. Generated
    clients and tests that follow the OpenAPI document inherit the difference.

    An operation creates when its handler, or a function it calls, inserts into the database each time that it succeeds,
    and answers with what it has inserted, or is named after it; when it saves an upload in a file of a new name, with
    which it answers; or when its name and path say so (`create_user` on `/users`) and nothing speaks against it.

    Fix safety
    The status code changes: clients that compare it with 200 must follow.

    Known limits
    Left alone are actions (login, search, send, run and the like), paths that end in a placeholder, deprecated routes,
    handlers that decide on the status themselves, document their 200 or answer failures under the same status, what
    may change a row that is there instead, and interfaces whose every operation is a POST to a verb.

    From the name alone nothing follows where 200 is written out, where the handler starts something that goes on behind
    the answer, or hands the request on to another service.

    References
    - [FastAPI: response status code](https://fastapi.tiangolo.com/tutorial/response-status-code/)
    - [RFC 9110: 201 Created](https://www.rfc-editor.org/rfc/rfc9110.html#name-201-created)
    """
    reported: set[int] = set()
    for route in check.project.routes.by_module.get(module, ()):
        handler = route.handler
        if handler is None or route.methods != ("POST",) or route.hides_arguments or route.module.is_test:
            continue
        given = route.keyword("status_code")
        path = route.ending
        if path is None or (route.given("status_code") is not None and route.status_code != 200):
            continue
        said = wording(handler.name, path, route.router.prefix if route.router is not None else "")
        if route.start in reported or said.is_item:
            continue
        inserts = check.project.inserts
        trail = inserts.insertion(handler)
        if trail is not None and not inserts.is_sure(handler, trail):
            continue
        told = _creates(said, trail, route)
        kept = kept_upload(check.project, handler) if trail is None and _may_keep(said) else None
        if not told and kept is None and (trail is None or not _gives_back(said, trail, handler, check)):
            continue
        if status_is_decided(check.project, route, handler):
            continue
        if trail is None and kept is None and (given is not None or not may_be_meant(check.project, handler)):
            continue
        reported.add(route.start)
        reason = f"it inserts with `{trail.effect.written}`" if trail is not None else "as its name says"
        reason = "it saves the upload in a new file" if kept is not None else reason
        last = trail.steps[-1] if trail is not None else None
        yield check.finding(
            route,
            f"`{handler.name}` creates something ({reason}) but answers 200",
            why="clients cannot tell that it is new",
            instead="set `status_code=201`",
            related=[check.related(last, "inserted here", module=last.module)] if last is not None else [],
            fix=partial(_fix, route, given),
        )


def _creates(said: Wording, trail: Trail[Insert] | None, route: Route) -> bool:
    """Whether the name, the path and what is inserted speak of one new thing."""
    if said.last[:1] == ("add",) and said.inner:
        return False  # something that exists is put into something that exists
    if trail is None:
        by_path = said.is_plural or said.last[:1] == said.name[:1] or not said.last
        return (
            said.is_plain
            and not said.is_action
            and said.matches
            and (by_path or said.thing == said.collection or not said.collection)
            and not (said.inner and (said.name[:1] == ("add",) or said.thing != said.collection or not said.is_plural))
        )
    if said.verb and said.name[:1] == (said.verb,):
        is_right_there = trail.length == 1 and said.is_plural and not said.inner and said.is_plain
        return (said.matches or is_right_there) and not said.acts_on_more(_made(trail))
    thing = trail.effect.thing
    if said.is_action or trail.length > 1:
        return trail.length == 1 and not said.acts_on_more() and _adds_member(said, thing)
    if thing is not None and said.collection and said.collection not in wording(thing.name, "").singulars:
        return False  # a row about what was done
    return said.is_plural or not said.last or bool(said.verb)


def _made(trail: Trail[Insert]) -> str:
    """The name of the class of which a row is inserted."""
    return trail.effect.thing.name if trail.effect.thing is not None else ""


def _gives_back(said: Wording, trail: Trail[Insert], handler: Function, check: Check) -> bool:
    """Whether what an operation inserts is what it answers with, and nothing says that it acts on something else."""
    thing = trail.effect.thing
    if said.inner and (thing is None or said.collection not in wording(thing.name, "").singulars):
        return False
    if said.is_action:
        if not said.takes_up or not takes_upload(check.project, handler):
            return False
    return check.project.inserts.is_given_back(handler, trail) and not _signs_in(handler, check)


def _may_keep(said: Wording) -> bool:
    """Whether nothing says that an upload is for something that is there, or is worked with."""
    return not said.inner and (not said.is_action or said.takes_up)


def _signs_in(function: Function, check: Check, depth: int = 2) -> bool:
    """Whether a function verifies a password: what it inserts is a session of whoever has it."""
    module = function.module
    if any(verifies(check.project.called_name(module, call) or "") for call in function.calls_named(VERIFIES)):
        return True
    steps = check.project.effects.execution.steps(function) if depth > 0 else ()
    return any(_signs_in(step.function, check, depth - 1) for step in steps if step.function is not None)


def _adds_member(said: Wording, thing: Class | None) -> bool:
    """Whether a row is inserted into the collection that has its name: a `Hook` by `POST /hooks`, by whatever verb."""
    if thing is None or not said.is_plural or len(said.last) > 1 or said.inner:
        return False
    return said.collection in wording(thing.name, "").singulars


def _fix(route: Route, given: f.Arg | None) -> Fix | None:
    opened = call_node(route.module, route.call) if route.call.args and takes(route, "status_code") else None
    found = _created(route.module, *opened) if opened is not None else None
    if opened is None or found is None:
        return None
    (source, node), (code, edits) = opened, found
    if given is None:
        made = with_argument(source, node, f"status_code={code}")
    else:
        made = (replace_argument_value(source, node.args[route.call.args.index(given)], code),)
    return Fix("Answer 201", Safety.UNSAFE, (*edits, *made))


def _created(module: Module, source: Source, node: cst.Call) -> tuple[str, tuple[Edit, ...]] | None:
    """201 as this module writes status codes, and what has to be imported for it."""
    constant = importing(source, "starlette.status", "HTTP_201_CREATED", at=node, also=("fastapi.status",))
    if constant is not None and (not constant[1] or _CONSTANTS.search(source.data)):
        return constant
    given = [arg.value for call in module.facts.calls for arg in call.args if arg.name == "status_code"]
    if any(isinstance(value, f.Const) and value.value != 200 for value in given):
        return "201", ()
    found = importing(source, "fastapi", "status", at=node)
    return None if found is None else (f"{found[0]}.HTTP_201_CREATED", found[1])
