"""FAPI404: response models with passwords, hashes and secrets. Judges declarations, not the values that are sent."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Project, Route
from fastapi_lint.model.data import (
    Schema,
    SchemaField,
    is_blanked,
    is_left_out,
    may_make_new,
    response_types,
    serialized,
)
from fastapi_lint.model.names import Function, FunctionObject, Instance, Type
from fastapi_lint.model.routing import RESPONSE
from fastapi_lint.rule import Check, rule
from fastapi_lint.tracking import memoized

_PASSWORD = re.compile(
    r"(?:\w+_)?(?:password|passwd|passphrase)s?(?:_?(?:hash|hashed|digest|salt|encrypted|plain|plaintext))?"
    r"|(?:hash|hashed|encrypted|crypted)_?(?:password|passwd|pass|pwd)|pwd_?hash|pass_?hash|pwd|(?:user|db|admin)_pwd"
)
_HASH = re.compile(r"hash|digest|(?:^|_)salt")
_SECRET = re.compile(
    r"(?:\w+_)?(?:secret(?:_key)?|api_?key|access_?key)|(?:ssh_|rsa_|signing_|tls_|encrypted_)?private_key(?:_pem)?"
    r"|encryption_key"
)
_PERSONAL = re.compile(r"ssn|social_security_number|cvv2?|cvc2?|(?:card_)?(?:cvv|cvc)(?:_code)?|card_security_code")
_NO_SECRET = re.compile(
    r"(?:has|have|is|use|uses|used|requires?d?|needs?|allow|allows|show|hide|with|no|enabled?|disabled?|must|can|auto|"
    r"should|set|reset|change|forgot|forgotten|min|max|masked|obfuscated|redacted|new|temp|temporary|initial|generated|"
    r"one_time|meeting|room|wifi|public|publishable)_"
)
"""Beginnings of names that speak about a secret (whether there is one, whether it must change), or that are there to be
given out."""
_FIRST = re.compile(r"(?:new|temp|temporary|initial|generated|one_time)_")
_JUST_MADE = re.compile(
    r"(?:^|_)(?:created?|creation|creating|generated?|generation|new|rotated?|rotation|regenerated?|renew(?:ed)?|issued?|"
    r"setup|set_up|enable[ds]?|enroll?(?:ed|ment)?|provision(?:ed|ing)?|reveal(?:ed)?|once|temporary|temp|initial|one_time)(?:_|$)"
)
"""Words in the name of a schema that is there to hand a secret out when it is made; those below: at all."""
_GIVEN_OUT = re.compile(
    r"(?:^|_)(?:credentials?|secrets?|keys?|key_?pairs?|passwords?|totp|mfa|2fa|otp|ephemeral)(?:_|$)"
)
_FOR_CLIENTS = re.compile(r"(?:^|_)(?:payment|checkout|intent|realtime)(?:_|$)")
"""Those for whoever pays or listens: what they are handed is no password of somebody."""
_MAKES = re.compile(
    r"(?:^|_)(?:create|generate|new|rotate|regenerate|renew|issue|setup|set_up|enable|enroll?|provision|reveal|"
    r"register|add|roll|reset|refresh|init)(?:_|$)"
)
_VERIFIES = re.compile(
    r"(?:^|_)(?:web_?hooks?|hooks?|subscriptions?|integrations?|endpoints?|callbacks?|destinations?|receivers?)(?:_|$)"
)
"""Words in the name of a schema whose owner needs its secret, to verify what is delivered."""
_HIDES = re.compile(r"(?:^|_)(?:redact|mask|scrub|censor|obfuscat|hide|conceal|strip_secret)", re.IGNORECASE)
_TEXTS = frozenset({"str", "bytes"})
_SENT = ("str", "int", "float", "bool", "uuid.UUID", "fastapi.Request", "starlette.requests.Request")
"""Of what a handler is given: what is no object of which something could be taken out."""
_HIDDEN = frozenset({"pydantic.SecretStr", "pydantic.SecretBytes", "pydantic.types.SecretStr", "pydantic.v1.SecretStr"})


@rule("FAPI404", severity=Severity.ERROR, needs_requests=True)
def sensitive_field_in_response(route: Route, check: Check) -> Iterator[Finding]:
    """A response model has a password, a hash or a secret.

    Why is this bad?
    What stands in the response model is sent. A password hash that leaves the server can be attacked offline, and it
    ends up in logs, caches and browser histories on the way. It often comes in with a schema that is also used for
    input, or with the database model itself.

    Return a schema without the field; the handler may still return the full object, as FastAPI keeps only what the
    response model declares.

    Known limits
    The names of fields decide (`password`, `hashed_password`, `api_key`, `client_secret`, `private_key`, `ssn`, `cvv`
    and the like), and each field is reported once, at the first route that sends it. Tokens are not reported. Neither
    are schemas that hand out a secret by their name (`ApiKeyCreated`, `PaymentIntent`), unless it is a hash, or a
    password in a schema that requests send as well (`UserCreate`); secrets in the answers of operations that make them,
    fields that a serializer of the class rewrites or that the code masks or sets to a constant, and handlers that call
    something like `mask_secrets` with more than other fields. The secret of a web hook or an integration, which its
    owner may need, is a warning, and one (no password) that is only sent to who has signed in is information.
    Pydantic sends a `SecretStr` as asterisks: such fields are information only.

    References
    - [Response model: add an output model](https://fastapi.tiangolo.com/tutorial/response-model/#add-an-output-model)
    - [OWASP API security: excessive data exposure](https://owasp.org/API-Security/editions/2023/en/0xa3-broken-object-property-level-authorization/)
    - [CWE-200](https://cwe.mitre.org/data/definitions/200.html)
    """
    sending = check.project.about(_Sending)
    for one, sent in sending.of(route).items():
        routes = [each for each in check.project.exchange.senders[one.owner] if one in sending.of(each)]
        if not routes or routes[0] is route:
            yield _finding(one, sent, routes[1:], route, check)


@dataclass(frozen=True)
class _Sent:
    """How a route sends a field: inside which schema, through which fields, and whether Pydantic masks it."""

    schema: Schema
    trail: tuple[SchemaField, ...]
    is_hidden: bool


class _Sending:
    """What routes send, each asked once: each field that several of them send has all of them looked at."""

    def __init__(self, project: Project) -> None:
        self._project = project

    @memoized
    def of(self, route: Route) -> dict[SchemaField, _Sent]:
        """The fields with something secret that a route sends, each with the first way."""
        return _sent(route, self._project, lambda: self._may_make(route))

    @memoized
    def _may_make(self, route: Route) -> bool:
        """Whether an operation may make something new: a GET that is seen to read rows sends what was made long ago."""
        if route.methods != ("GET",) or route.handler is None:
            return True
        return self._project.loading.reading(route.handler) is None or may_make_new(self._project, route.handler)


def _sent(route: Route, project: Project, may_make: Callable[[], bool]) -> dict[SchemaField, _Sent]:
    found: dict[SchemaField, _Sent] = {}
    if route.kind != "http" or route.module.is_test or route.has_unpacked:
        return found
    for declared in response_types(project.schemas, route):
        for schema, trail in project.schemas.closure(declared):
            if any(one.excluded for one in trail):
                continue
            for one in schema.fields:
                if one in found or one.excluded or not (what := _sensitive(one, project, may_make=may_make)):
                    continue
                names = {one.name, *(step.name for step in trail)}
                if _is_given_out(one, schema, trail, route, project, may_make):
                    continue
                if is_left_out(route, names, project.values):
                    continue
                way = serialized(one, schema, project.types)
                if way != "rewritten":
                    found[one] = _Sent(schema, trail, what == "hidden" and way != "revealed")
    if not found or route.handler is None or _answers_itself(route, project):
        return {} if route.handler is not None else found
    hidden = {one for one in found if _is_hidden_by_call(one, route.handler, project)}
    return {
        one: sent for one, sent in found.items() if one not in hidden and not is_blanked(one, route.handler, project)
    }


def _finding(one: SchemaField, sent: _Sent, others: list[Route], route: Route, check: Check) -> Finding:
    path = ".".join(step.name for step in (*sent.trail, one))
    inside = f", as `{path}`" if sent.trail else ""
    more = f" and {len(others)} more route{'s' * (len(others) > 1)} send" if others else " sends"
    steps = [check.related(step, f"`{step.name}` holds it", module=step.module) for step in sent.trail]
    steps.append(check.related(one, f"`{one.name}` is declared here", module=one.module))
    steps += [check.related(each, f"`{each.name}` sends it too", module=each.module) for each in others[:5]]
    severity = Severity.WARNING if _may_be_needed(one, sent) else None
    if _is_for_known(one, [route, *others], check):
        severity = Severity.INFO
    title = f"`{route.name}`{more} `{one.name}` of `{sent.schema.name}`{inside} to the client"
    why, instead = "whoever gets the answer, a cache or a log has it, too", "answer with a schema that does not have it"
    if sent.is_hidden:
        why, instead, severity = "it gets asterisks", "leave the field out of the response model", Severity.INFO
    return check.finding(
        route.keyword("response_model") or route,
        title,
        why=why,
        instead=instead,
        module=route.module,
        related=steps,
        severity=severity,
    )


# -------------------------------------------------------------------- what is sensitive


def _sensitive(one: SchemaField, project: Project, *, may_make: Callable[[], bool]) -> str:
    """ "plain" for a field with something that nobody else may see, "hidden" when Pydantic masks it; else empty.

    `may_make`: what sends it may have made it, so that a first password is there to be handed out.
    """
    name = _snake(one.name)
    types = project.schemas.field_types(one)
    if any(isinstance(each, Instance) and each.cls in _HIDDEN for each in types):
        return "hidden"
    if _NO_SECRET.match(name):
        if (first := _FIRST.match(name)) is None or may_make():
            return ""
        name = name[first.end() :]
    if _PERSONAL.fullmatch(name):
        return "plain" if all(_is_value(each, "int") for each in types) else ""
    if _PASSWORD.fullmatch(name) or _SECRET.fullmatch(name):
        return "plain" if _may_be_text(one, types, project) else ""
    return ""


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _may_be_text(one: SchemaField, types: tuple[Type, ...], project: Project) -> bool:
    if types or not isinstance(one.annotation, f.CallRef):
        return any(_is_value(each) for each in types)
    call = one.where[0].facts.calls[one.annotation.index]
    return project.called_name(one.where[0], call) in ("pydantic.constr", "pydantic.types.constr")


def _is_value(one: Type, *also: str) -> bool:
    return isinstance(one, Instance) and isinstance(one.cls, str) and one.cls in _TEXTS.union(also)


# -------------------------------------------------------------------- what is spared


def _answers_itself(route: Route, project: Project) -> bool:
    """Whether the handler returns nothing but response objects."""
    if route.handler is None:
        return False
    types = project.types
    module = route.handler.module
    sent = [leave for leave in route.handler.exits if leave.kind == "return" and leave.value is not None]
    return bool(sent) and all(
        types.is_instance(types.infer(leave.value, (module, leave.block, leave.start)), RESPONSE) for leave in sent
    )


def _is_hidden_by_call(one: SchemaField, handler: Function, project: Project) -> bool:
    """Whether a handler calls what takes secrets out of an answer, and not only something of another field, or of what
    a client has sent: `mask_email(user.email)`, `hide(path)`."""
    sent = {
        f.Name(each.name)
        for each in project.dependencies.parameters(handler)
        if each.name != one.name and project.types.is_instance(each.type, *_SENT) and not handler.rebinds(each.name)
    }
    return any(
        _HIDES.search(f.last_name(call.func)) is not None
        and not _gives_back(project.callee(handler.module, call))
        and not (call.args and all(arg.value in sent or _is_of_other_field(arg.value, one.name) for arg in call.args))
        for call in handler.calls
    )


def _gives_back(callee: Type) -> bool:
    """Whether a function of the project gives back what it is given, and changes nothing in it."""
    if not isinstance(callee, FunctionObject):
        return False
    function = callee.function
    given = {f.Name(param.name) for param in function.params}
    returned = [leave.value for leave in function.exits if leave.kind == "return"]
    changes = any(not isinstance(each.target, f.Name) for each in function.module.assigns_in.get(function.index, ()))
    return bool(returned) and all(value in given for value in returned) and not changes and not function.calls


def _is_of_other_field(value: f.Expr, name: str) -> bool:
    match value:
        case f.Attr(attr=attr):
            return attr != name
        case f.Sub(items=(f.Const(value=str(key)),)):
            return key != name
    return isinstance(value, f.Const)


def _is_given_out(
    one: SchemaField,
    schema: Schema,
    trail: tuple[SchemaField, ...],
    route: Route,
    project: Project,
    may_make: Callable[[], bool],
) -> bool:
    """Whether a schema or an operation is there to hand out this secret.

    Nobody is there to get a hash; and a schema with a password that is read from requests is what clients send.
    """
    spelled = _snake(one.name)
    if _HASH.search(spelled):
        return False
    if _PASSWORD.fullmatch(spelled) and schema.cls in project.exchange.received:
        return False
    names = [schema.name, *(step.owner.name for step in trail), *(step.name for step in trail)]
    is_secret = _SECRET.fullmatch(spelled) is not None
    said = [_snake(name) for name in names]
    if any(map(_GIVEN_OUT.search, said)) or (is_secret and any(map(_FOR_CLIENTS.search, said))):
        return True
    if any(map(_JUST_MADE.search, said)) and may_make():
        return True
    words = _snake(route.name)
    is_made = (
        is_secret
        and _MAKES.search(words) is not None
        and (route.handler is None or may_make_new(project, route.handler))
    )
    if is_made or "_password" in words.partition("generate")[2]:
        return True
    return re.search(r"secret|credential|private_key|password_generat|reveal|decrypt", words) is not None


def _may_be_needed(one: SchemaField, sent: _Sent) -> bool:
    """Whether the owner of what is sent needs this secret to verify what comes in."""
    names = [one.name, sent.schema.name, *(step.owner.name for step in sent.trail), *(step.name for step in sent.trail)]
    is_secret = _SECRET.fullmatch(_snake(one.name)) is not None
    return is_secret and any(_VERIFIES.search(_snake(name)) for name in names)


def _is_for_known(one: SchemaField, routes: list[Route], check: Check) -> bool:
    """Whether a secret, no password, only goes to who has signed in: often to those who have set it."""
    if _SECRET.fullmatch(_snake(one.name)) is None:
        return False
    dependencies = check.project.dependencies
    addresses = [address for route in routes for address in route.addresses]
    return bool(addresses) and all(
        any(
            dependencies.authenticates(each) and dependencies.demands_authentication(each)
            for each in dependencies.effective(address)[0]
        )
        for address in addresses
    )
