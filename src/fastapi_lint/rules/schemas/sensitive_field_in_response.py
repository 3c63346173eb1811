"""FAPI404: response models with passwords, hashes and secrets. Judges declarations, not the values that are sent."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Class, Function, Route
from fastapi_lint.model.data import Schema, SchemaField, response_types
from fastapi_lint.model.names import Instance, Type
from fastapi_lint.model.routing import RESPONSE
from fastapi_lint.rule import Check, rule

_PASSWORD = re.compile(
    r"(?:\w+_)?(?:password|passwd|passphrase)s?(?:_?(?:hash|hashed|digest|salt|encrypted|plain|plaintext))?"
    r"|(?:hash|hashed|encrypted|crypted)_?(?:password|passwd|pass|pwd)|pwd_?hash|pass_?hash|pwd|(?:user|db|admin)_pwd"
)
_SECRET = re.compile(
    r"(?:api_|app_|totp_|otp_|mfa_|tfa_|two_factor_|webhook_|signing_|jwt_|shared_|consumer_|hmac_)?secret(?:_key)?"
    r"|(?:aws_)?secret_access_key|(?:ssh_|rsa_|signing_|tls_|encrypted_)?private_key(?:_pem)?|encryption_key"
)
_PERSONAL = re.compile(r"ssn|social_security_number|cvv2?|cvc2?|(?:card_)?(?:cvv|cvc)(?:_code)?|card_security_code")
_NO_SECRET = re.compile(
    r"(?:has|have|is|use|uses|used|requires?d?|needs?|allow|allows|show|hide|with|no|enabled?|disabled?|must|can|auto|"
    r"should|set|reset|change|forgot|forgotten|min|max|masked|obfuscated|redacted|new|temp|temporary|initial|generated|"
    r"one_time|meeting|room|wifi)_"
)
"""Beginnings of names that speak about a secret (whether there is one, whether it must change), or that are there to be
given out."""
_GIVEN_OUT = re.compile(
    r"(?:^|_)(?:created?|creation|creating|generated?|generation|new|rotated?|rotation|regenerated?|renew(?:ed)?|issued?|"
    r"setup|set_up|enable[ds]?|enroll?(?:ed|ment)?|provision(?:ed|ing)?|reveal(?:ed)?|once|temporary|temp|initial|one_time|"
    r"credentials?|secrets?|keys?|key_?pairs?|passwords?|totp|mfa|2fa|otp)(?:_|$)"
)
"""Words in the name of a schema that is there to hand a secret out, once or at all."""
_MAKES = re.compile(
    r"(?:^|_)(?:create|generate|new|rotate|regenerate|renew|issue|setup|set_up|enable|enroll?|provision|reveal|"
    r"register|add|roll|reset|refresh|init)(?:_|$)"
)
_MASKS = re.compile(r"mask|redact|hide|\*{3}|return None|obfuscat")
_HIDES = re.compile(r"(?:^|_)(?:redact|mask|scrub|censor|obfuscat|hide|conceal|strip_secret)", re.IGNORECASE)
_TEXTS = frozenset({"str", "bytes"})
_HIDDEN = frozenset({"pydantic.SecretStr", "pydantic.SecretBytes", "pydantic.types.SecretStr", "pydantic.v1.SecretStr"})


@rule("FAPI404", severity=Severity.ERROR)
def sensitive_field_in_response(route: Route, check: Check) -> Iterator[Finding]:
    """A response model has a password, a hash or a secret.

    Why is this bad?
    What stands in the response model is sent. A password hash that leaves the server can be attacked offline, and it
    ends up in logs, caches and browser histories on the way. It often comes in with a schema that is also used for
    input, or with the database model itself.

    Return a schema without the field; the handler may still return the full object, as FastAPI keeps only what the
    response model declares.

    Known limits
    The names of fields decide (`password`, `hashed_password`, `api_secret`, `totp_secret`, `private_key`, `ssn`, `cvv`
    and the like). Tokens are not reported. Neither are schemas that hand out a secret by their name
    (`ApiKeyCreated`, `ClientSecretResponse`), secrets in the answers of operations that make them, fields that a
    serializer of the class rewrites, and handlers that call something like `mask_secrets`. Pydantic sends a
    `SecretStr` as asterisks: such fields are reported as information only.

    References
    - [Response model: add an output model](https://fastapi.tiangolo.com/tutorial/response-model/#add-an-output-model)
    - [OWASP API security: excessive data exposure](https://owasp.org/API-Security/editions/2023/en/0xa3-broken-object-property-level-authorization/)
    - [CWE-200](https://cwe.mitre.org/data/definitions/200.html)
    """
    if route.kind != "http" or route.module.is_test or route.has_unpacked or _answers_itself(route, check):
        return
    if _is_repeated(route, check):
        return
    reported: set[SchemaField] = set()
    for declared in response_types(check.project.schemas, route):
        for schema, trail in check.project.schemas.closure(declared):
            if any(one.excluded for one in trail):
                continue
            for one in schema.fields:
                if one in reported or one.excluded or not (what := _sensitive(one, check)):
                    continue
                if _is_given_out(one, schema, trail, route) or _is_left_out(one, trail, route, check):
                    continue
                serialized = _serialized(one, schema, check)
                if serialized == "rewritten":
                    continue
                if serialized == "revealed":
                    what = "plain"
                reported.add(one)
                yield _finding(one, schema, trail, what, route, check)


def _finding(
    one: SchemaField, schema: Schema, trail: tuple[SchemaField, ...], what: str, route: Route, check: Check
) -> Finding:
    given = route.keyword("response_model")
    path = ".".join(step.name for step in (*trail, one))
    inside = f", as `{path}`" if trail else ""
    if what == "hidden":
        message = (
            f"`{route.name}` answers with the secret `{one.name}` of `{schema.name}`{inside}: the client gets"
            " asterisks; leave the field out of the response model"
        )
    else:
        message = (
            f"`{route.name}` sends `{one.name}` of `{schema.name}`{inside} to the client; "
            "answer with a schema that does not have it"
        )
    steps = [check.related(step, f"`{step.name}` holds it", module=step.module) for step in trail]
    steps.append(check.related(one, f"`{one.name}` is declared here", module=one.module))
    return check.finding(
        given or route,
        message,
        module=route.module,
        related=steps,
        severity=Severity.INFO if what == "hidden" else None,
    )


# -------------------------------------------------------------------- what is sensitive


def _sensitive(one: SchemaField, check: Check) -> str:
    """ "plain" for a field with something that nobody else may see, "hidden" when Pydantic masks it; else empty."""
    name = _snake(one.name)
    types = check.project.schemas.field_types(one)
    if any(isinstance(each, Instance) and each.cls in _HIDDEN for each in types):
        return "hidden"
    if _NO_SECRET.match(name):
        return ""
    if _PERSONAL.fullmatch(name):
        return "plain" if all(_is_value(each, "int") for each in types) else ""
    if _PASSWORD.fullmatch(name) or _SECRET.fullmatch(name):
        return "plain" if _may_be_text(one, types, check) else ""
    return ""


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _may_be_text(one: SchemaField, types: tuple[Type, ...], check: Check) -> bool:
    if not types:
        return _is_text_annotation(one, check)
    return any(_is_value(each) for each in types)


def _is_value(one: Type, *also: str) -> bool:
    return isinstance(one, Instance) and isinstance(one.cls, str) and one.cls in _TEXTS.union(also)


def _is_text_annotation(one: SchemaField, check: Check) -> bool:
    """Whether an annotation of unknown type is `constr(...)`."""
    if isinstance(one.annotation, f.CallRef):
        call = one.where[0].facts.calls[one.annotation.index]
        return check.project.called_name(one.where[0], call) in ("pydantic.constr", "pydantic.types.constr")
    return False


# -------------------------------------------------------------------- what is spared


def _is_repeated(route: Route, check: Check) -> bool:
    """Whether the handler is registered before under another path (stacked decorators) with the same response model."""
    model = route.keyword("response_model")
    for other in check.project.routes.by_handler.get(route.handler, ()) if route.handler is not None else ():
        given = other.keyword("response_model")
        if other.module is route.module and other.start < route.start and not other.has_unpacked:
            same = (given.value if given else None) == (model.value if model else None)
            if same and {arg.name for arg in other.call.args} == {arg.name for arg in route.call.args}:
                return True
    return False


def _answers_itself(route: Route, check: Check) -> bool:
    """Whether the handler returns nothing but response objects, or calls what takes secrets out of its answer."""
    if route.handler is None:
        return False
    if any(_HIDES.search(f.last_name(call.func)) for call in route.handler.calls):
        return True
    types = check.project.types
    module = route.handler.module
    sent = [leave for leave in route.handler.exits if leave.kind == "return" and leave.value is not None]
    return bool(sent) and all(
        types.is_instance(types.infer(leave.value, (module, leave.block, leave.start)), RESPONSE) for leave in sent
    )


def _is_given_out(one: SchemaField, schema: Schema, trail: tuple[SchemaField, ...], route: Route) -> bool:
    """Whether a schema or an operation is there to hand out this secret."""
    names = [schema.name, *(step.owner.name for step in trail), *(step.name for step in trail)]
    if any(_GIVEN_OUT.search(_snake(name)) for name in names):
        return True
    is_secret = _SECRET.fullmatch(_snake(one.name)) is not None
    words = _snake(route.name)
    if (is_secret and _MAKES.search(words)) or "_password" in words.partition("generate")[2]:
        return True
    return re.search(r"secret|credential|private_key|password_generat|reveal|decrypt", words) is not None


def _is_left_out(one: SchemaField, trail: tuple[SchemaField, ...], route: Route, check: Check) -> bool:
    """Whether `response_model_exclude` names the field, or `response_model_include` does not."""
    excluded, included = route.keyword("response_model_exclude"), route.keyword("response_model_include")
    names = {one.name, *(step.name for step in trail)}
    if excluded is not None and ((found := _texts(excluded, route, check)) is None or not names.isdisjoint(found)):
        return True
    return included is not None and ((kept := _texts(included, route, check)) is None or names.isdisjoint(kept))


def _texts(arg: f.Arg, route: Route, check: Check) -> frozenset[str] | None:
    """The texts in a set or dict display, also behind a name; None when they are not known."""
    expr = arg.value
    if isinstance(expr, (f.Name, f.Attr)):
        found = list(check.project.values.definitions(expr, route.where))
        if len(found) != 1:
            return None
        expr = found[0][0]
    return frozenset(_strings(expr)) if isinstance(expr, (f.Display, f.Mapping)) else None


def _strings(expr: f.Expr | None) -> Iterator[str]:
    match expr:
        case f.Const(value=str(text)):
            yield text
        case f.Display(items=items):
            for item in items:
                yield from _strings(item)
        case f.Mapping(items=pairs):
            for key, value in pairs:
                yield from _strings(key)
                yield from _strings(value)


def _serialized(one: SchemaField, schema: Schema, check: Check) -> str:
    """What a serializer or validator of the class does to the field: "rewritten", "revealed" (a SecretStr), or ""."""
    for cls in check.project.types.mro(schema.cls):
        if isinstance(cls, Class) and cls.module.mentions("serializer", "validator"):
            for method in cls.methods.values():
                if found := _by_method(method, one, check):
                    return found
    return ""


def _by_method(method: Function, one: SchemaField, check: Check) -> str:
    module, facts = method.module, method.facts
    for decorator in facts.decorators:
        call = module.facts.calls[decorator.index] if isinstance(decorator, f.CallRef) else None
        expr = call.func if call is not None else decorator
        name = check.project.name(expr, module, facts.outer, facts.start)
        named = {arg.value.value for arg in call.args if isinstance(arg.value, f.Const)} if call is not None else set()
        text = module.source.slice(facts.start, facts.end)
        if name == "pydantic.model_serializer" or (name == "pydantic.field_serializer" and named & {one.name, "*"}):
            return "revealed" if "get_secret_value" in text and "context" not in text else "rewritten"
        if name in ("pydantic.field_validator", "pydantic.validator") and one.name in named and _MASKS.search(text):
            return "rewritten"
    return ""
