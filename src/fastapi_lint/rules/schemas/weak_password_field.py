"""FAPI419: new passwords that may be of any length."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from math import inf

from fastapi_lint.catalog.secrecy import secrets
from fastapi_lint.finding import Edit, Finding, Fix, Safety, Severity
from fastapi_lint.fixing.edits import add_argument, importing, replace_argument_value
from fastapi_lint.fixing.edits.calls import argument_node, call_node, node_at
from fastapi_lint.index import facts as f
from fastapi_lint.model import Class, Function, FunctionObject, Module, Project
from fastapi_lint.model.calls.bodies.validation import validators
from fastapi_lint.model.data import Schema, SchemaField
from fastapi_lint.model.data.configuration import Given
from fastapi_lint.model.names import comparisons_of
from fastapi_lint.model.secrets import HASHERS, VERIFIES, hashes, is_only_sent_on
from fastapi_lint.rule import Check, rule

_WHAT = "Bound the length of the password"
_LEAST, _MOST = 8, 64
"""bcrypt refuses more than 72 bytes, or cuts them off; OWASP wants 64 characters to be possible."""
_DEPTH = 5
"""Calls from where a password is handed on to where it is measured or hashed."""
_SETS = frozenset({"signup", "register", "registration", "reset", "change"})
_MAKES = frozenset({"create", "new", "add"})
_OTHERS = frozenset(
    {"login", "credentials", "credential", "token", "config", "settings", "connection", "signin", "auth"}
)
_PEOPLE = frozenset({"user", "users", "account", "member", "customer", "admin", "employee", "person", "staff"})
_ASKED = frozenset({"email", "username", "user_name", "login", "phone", "first_name", "full_name", "nickname"})
_PLACES = frozenset({"host", "hostname", "server", "port", "url", "uri", "dsn", "database"})
_KNOWN_BEFORE = frozenset(
    {"current", "old", "existing", "confirm", "confirmation", "confirmed", "repeat", "again", "hashed", "re", "retype"}
)
_OLD = frozenset({"current", "old", "existing", "previous"})
_PLAIN = frozenset({"strip", "lstrip", "rstrip", "encode", "decode", "get_secret_value", "ValueError"})
Kind = Callable[[str], bool]
"""Tells by the name of what is called."""
_NOTES = ("typing_extensions.Doc", "annotated_doc.Doc", "pydantic.WithJsonSchema")


@rule("FAPI419", fix=Safety.UNSAFE, words={"password", "passwd", "pwd", "passphrase"})
def weak_password_field(schema: Schema, check: Check) -> Iterator[Finding]:
    """A schema takes a new password of any length from a client.

    Why is this bad?
    Without a minimum the empty password is accepted, and every one that is tried first. Without a maximum a client can
    send megabytes to a function that is slow on purpose; bcrypt cuts off what is behind the 72nd byte, and from release
    5.0 raises `ValueError`, which is answered with 500. Eight characters are the least that OWASP allows.

    That no maximum is given alone is a hint (info).

    Fix safety
    `min_length=8` and `max_length=64` are set: shorter and longer passwords get 422.

    Known limits
    Only bodies of requests are looked at, and of these schemas that are named for signing up, registering, creating a
    user, resetting or changing a password, or whose password is seen to be hashed, whatever they are named for.
    Passwords that may be left out, those with a validator or a pattern, those that are only sent on to another service,
    those that have to be equal to another one that is judged, and those that are compared with a hash and never hashed
    (to join what somebody else has made) are left alone.

    References
    - [OWASP: authentication cheat sheet](https://cheatsheetseries.owasp.org/cheatsheets/Authentication_Cheat_Sheet.html)
    - [Pydantic: string constraints](https://docs.pydantic.dev/latest/concepts/fields/#string-constraints)
    """
    project = check.project
    if schema.kind not in ("pydantic", "sqlmodel", "pydantic-dataclass") or schema.module.is_test:
        return
    fields = [one for one in schema.own_fields if _is_new_password(one, project)]
    classes = (schema.cls, *project.types.subclasses(schema.cls)) if fields else ()
    users = [project.schemas.of(cls) for cls in classes if cls in project.exchange.received]
    for one in fields:
        for user in users:
            if user is None or not _is_for_sign_up(user, one, project):
                continue
            least, most = _bounds(user, one, project)
            if least is None or least < _LEAST or most is None:
                if not _is_judged(user.cls, one, project) and not _repeats(user, one, project):
                    yield _report(user, one, least, most, check)
                    break


def _is_judged(cls: Class, one: SchemaField, project: Project) -> bool:
    """Whether somebody else judges the password: what measures it, another service, or the hash of one known before."""
    if _is_given(cls, one, _measures, project) or is_only_sent_on(project, cls, one.name):
        return True
    return _is_given(cls, one, _verifies, project) and not _is_given(cls, one, hashes, project)


def _repeats(schema: Schema, one: SchemaField, project: Project) -> bool:
    """Whether a password has to be equal to another new one of the same body, which somebody judges.

    The one that is compared with the hash of before is the old one, and the new one has to be another.
    """
    others = [each for each in schema.fields if each is not one and secrets.secret_name(each.name) == "password"]
    for other in others:
        if not _OLD.isdisjoint(secrets.words(other.name)):
            continue
        if _is_given(schema.cls, other, _verifies, project):
            continue
        least, _ = _bounds(schema, other, project)
        if (least is not None and least >= _LEAST) or _is_judged(schema.cls, other, project):
            if _is_compared(schema.cls, one.name, other.name, project):
                return True
    return False


def _is_compared(cls: Class, name: str, other: str, project: Project) -> bool:
    """Whether code asks whether two fields of an object of the class are different, which is the case to refuse."""
    for module in project.modules:
        if module.is_test or not module.mentions(name) or not module.mentions(other):
            continue
        for function in module.functions:
            for part, block, at in comparisons_of(function):
                if part.operators != ("!=",):
                    continue
                sides = [each for each in part.operands if isinstance(each, f.Attr)]
                if {each.attr for each in sides} != {name, other} or sides[0].value != sides[1].value:
                    continue
                owner = project.infer(sides[0].value, module, block, at)
                if project.types.is_instance(owner, cls):
                    return True
    return False


def _report(schema: Schema, one: SchemaField, least: float | None, most: float | None, check: Check) -> Finding:
    has_least = least is not None and least >= _LEAST
    missing = [] if has_least else [f"min_length={_LEAST}"]
    missing += [] if most is not None else [f"max_length={_MOST}"]
    is_low = least is not None and not has_least and least > 0
    return check.finding(
        one,
        f"`{one.name}` of `{schema.name}` has no {'maximum' if has_least else 'minimum'} length"
        if not is_low
        else f"`{one.name}` of `{schema.name}` may have {least:g} characters",
        why="megabytes are hashed, and more than 72 bytes are an error in bcrypt"
        if has_least
        else "short passwords are guessed"
        if is_low
        else "an empty password is accepted, and any that is tried first",
        instead=f"give it `Field({', '.join(missing)})`",
        severity=Severity.INFO if has_least else Severity.WARNING,
        fix=partial(_fix, one, missing, is_low) if _takes_bounds(schema, one, check) else None,
    )


def _takes_bounds(schema: Schema, one: SchemaField, check: Check) -> bool:
    """Whether bounds can be written at a field: in a dataclass only where `Field` stands there already, since a field
    with one counts as one with a default."""
    if not schema.kind.endswith("dataclass"):
        return True
    if one.field_call is None or one.field_module is None:
        return False
    return check.project.called_name(one.field_module, one.field_call) in ("pydantic.Field", "pydantic.fields.Field")


def _is_new_password(one: SchemaField, project: Project) -> bool:
    name = one.alias or one.name  # as the client sends it
    return (
        secrets.secret_name(name) == "password"
        and not one.optional
        and project.types.is_instance(one.type, "str", "pydantic.SecretStr", "pydantic.types.SecretStr")
    )


def _is_for_sign_up(schema: Schema, one: SchemaField, project: Project) -> bool:
    """Whether a schema takes a password that is to be kept, by its name, its fields, or what becomes of the value."""
    if not _KNOWN_BEFORE.isdisjoint(secrets.words(one.alias or one.name)):
        return _is_kept(schema.cls, one, project)
    words = frozenset(secrets.words(schema.name))
    names = frozenset(each.name for each in schema.fields)
    if words & _OTHERS or names & _PLACES:
        return _is_kept(schema.cls, one, project)
    if words & _SETS or {"sign", "up"} <= words or (words & _MAKES and (words & _PEOPLE or names & _ASKED)):
        return True
    return _is_given(schema.cls, one, hashes, project)


def _is_kept(cls: Class, one: SchemaField, project: Project) -> bool:
    """Whether a password that is called like one known before, or of something else, is hashed all the same, and
    compared with no hash: who logs in may have his hash made anew."""
    return _is_given(cls, one, hashes, project) and not _is_given(cls, one, _verifies, project)


def _is_given(cls: Class, one: SchemaField, to: Kind, project: Project) -> bool:
    """Whether code gives the field of an object of the class to a call of a kind, or to a function that has one."""
    for module in project.modules:
        if module.is_test or not module.mentions(f".{one.name}") or not project.effects.is_served(module):
            continue
        for call in module.facts.calls:
            for arg in call.args:
                if type(arg.value) is not f.Attr and type(arg.value) is not f.CallRef:  # as most
                    continue
                value = _unwrapped(arg.value, module)
                if not isinstance(value, f.Attr) or value.attr != one.name:
                    continue
                owner = project.infer(value.value, module, call.block, call.start)
                if project.types.is_instance(owner, cls) and _is_or_calls(module, call, to, project):
                    return True
    return False


def _is_or_calls(module: Module, call: f.Call, to: Kind, project: Project) -> bool:
    """Whether a call is of a kind, or of a function that has one, over a few calls."""
    asked: set[Function] = set()
    calls = [(module, call)]
    for _ in range(_DEPTH):
        if any(to(project.called_name(*each) or "") for each in calls):
            return True
        callees = {callee.function for each in calls if isinstance(callee := project.callee(*each), FunctionObject)}
        asked |= (new := callees - asked)
        calls = [(function.module, each) for function in new for each in function.calls]
    return False


def _verifies(name: str) -> bool:
    return name.startswith(HASHERS) and name.rpartition(".")[2] in VERIFIES


def _measures(name: str) -> bool:
    return name == "len" or name.startswith(("re.", "zxcvbn", "password_strength."))


def _unwrapped(expr: f.Expr, module: Module) -> f.Expr:
    """What `.encode()` or `.get_secret_value()` is called on."""
    while isinstance(expr, f.CallRef):
        func = module.facts.calls[expr.index].func
        if not isinstance(func, f.Attr) or func.attr not in _PLAIN:
            break
        expr = func.value
    return expr


def _bounds(schema: Schema, one: SchemaField, project: Project) -> tuple[float | None, float | None]:
    """The least and the greatest length that a field or its schema says; infinity where something else may say it."""
    least = _given(one.keywords.get("min_length"), project)
    most = _given(one.keywords.get("max_length"), project)
    unknown = not {"pattern", "regex", "**"}.isdisjoint(one.keywords) or _is_validated(schema, one, project)
    for module, expr, _ in one.metadata:
        call = module.facts.calls[expr.index] if isinstance(expr, f.CallRef) else None
        name = (project.called_name(module, call) or "") if call is not None else ""
        if call is not None and name in ("pydantic.StringConstraints", "pydantic.types.StringConstraints"):
            where = (module, call.block, call.start)
            found = {arg.name: project.values.number(arg.value, where) for arg in call.args}
            least, most = found.get("min_length", least), found.get("max_length", most)
            unknown = unknown or "pattern" in found
        elif not isinstance(expr, f.Const) and name not in _NOTES:
            unknown = True
    least = _given(schema.config.get("str_min_length"), project) if least is None else least
    most = _given(schema.config.get("str_max_length"), project) if most is None else most
    return (inf, inf) if unknown else (least, most)


def _given(given: Given | None, project: Project) -> float | None:
    if given is None or given.value == f.Const(None):
        return None
    number = project.values.number(given.value, given.where)
    return inf if number is None else number


def _is_validated(schema: Schema, one: SchemaField, project: Project) -> bool:
    """Whether a validator looks at the field, and does more than to compare it or to strip it."""
    for method in validators(project.types, schema.cls):
        decorators = [method.module.facts.calls[d.index] for d in method.facts.decorators if isinstance(d, f.CallRef)]
        names = [arg.value.value for call in decorators for arg in call.args if isinstance(arg.value, f.Const)]
        is_for_it = one.name in names or "*" in names
        is_for_all = one.name in method.module.source.slice(method.facts.start, method.facts.end)
        if (is_for_it or is_for_all) and any(f.last_name(call.func) not in _PLAIN for call in method.calls):
            return True
    return False


def _fix(one: SchemaField, missing: list[str], is_low: bool) -> Fix | None:
    module, wanted = one.module, ", ".join(missing)
    if one.field_call is not None:
        if one.field_module is not module or not one.start <= one.field_call.start < one.end:
            return None  # an alias: others use it too
        given = f.keyword(one.field_call, "min_length")
        if given is not None and wanted.startswith("min_length"):
            low = argument_node(module, one.field_call, given)
            edits = (replace_argument_value(low[0], low[2], str(_LEAST)),) if low is not None else ()
            more = wanted.partition(", ")[2]
            if low is not None and more:
                edits = (*edits, add_argument(low[0], low[1], more))
            return Fix(_WHAT, Safety.UNSAFE, edits) if edits else None
        found = call_node(module, one.field_call)
        return Fix(_WHAT, Safety.UNSAFE, (add_argument(*found, wanted),)) if found else None
    if one.default is not None:
        return None
    source = module.excerpt(one.start)
    if source is None or is_low:
        return None
    field = importing(source, "pydantic", "Field", at=node_at(source, one.start))
    if field is None:
        return None
    span = source.span(one.end, one.end)
    return Fix(_WHAT, Safety.UNSAFE, (*field[1], Edit(span, f" = {field[0]}({wanted})")))
