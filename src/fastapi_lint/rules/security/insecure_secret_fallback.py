"""FAPI602: a secret has a default for when it is missing. Fixed secrets elsewhere are FAPI601's, URLs FAPI603's."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.catalog import secrets
from fastapi_lint.finding import Edit, Finding, Fix, Safety, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model.names import Module
from fastapi_lint.model.values import BoundText, bound_texts, written_for_tests
from fastapi_lint.rule import Check, rule


@rule("FAPI602", severity=Severity.WARNING, fix=Safety.UNSAFE)
def insecure_secret_fallback(module: Module, check: Check) -> Iterator[Finding]:
    """A secret that is missing from the environment falls back to one that everybody knows.

    Why is this bad?
        A deployment that forgets to set the variable starts without a word and runs with a password or signing key
        that stands in the source. A program that stops at once is noticed by the one who can repair it. Without a
        default, `os.environ["SECRET_KEY"]` and a field of `BaseSettings` say which variable is missing.

    Fix safety
        The fix takes the default away, so that a program that relied on it no longer starts: unsafe by intention. Set
        the variable in development, for example in a `.env` file.

    Known limits
        Defaults of API keys and tokens are reported only when they are no placeholders: a client with a placeholder
        for a key opens nothing. An `or` behind the call is reported, not fixed.

    References
        - https://fastapi.tiangolo.com/advanced/settings/
        - https://docs.pydantic.dev/latest/concepts/pydantic_settings/
        - https://cwe.mitre.org/data/definitions/1188.html
    """
    if written_for_tests(module) or not secrets.hints_at_secrets(module.source.data):
        return
    for bound in bound_texts(module):
        kind = secrets.secret_name(bound.name)
        if kind is None or bound.how not in ("fallback", "setting"):
            continue
        if bound.how == "setting" and not _is_settings(bound, check):
            continue
        if kind == "key" and secrets.words(bound.name) == ["secret"]:
            kind = "signing"  # the one secret of an application is what it signs with
        if bound.binding is not None and bound.binding.start in check.project.signing_keys.get(module, {}):
            kind = "signing"
        if not _is_usable(kind, bound) or secrets.token_kind(bound.text):
            continue
        signs = kind == "signing"
        danger = "anybody can forge what it signs" if signs else "everybody who reads the source knows it"
        message = (
            f"`{bound.name}` falls back to a fixed text when it is not set, and {danger}; "
            "take the default away, so that a missing secret stops the program"
        )
        severity = Severity.ERROR if signs else Severity.WARNING
        yield check.finding(bound.place, message, severity=severity, fix=_fix(bound))


def _is_settings(bound: BoundText, check: Check) -> bool:
    """Whether the field is read from the environment; a default that looks like a real secret is FAPI601's.

    A name with an underscore in front is a private attribute, which is not.
    """
    if bound.cls is None or bound.name.startswith("_") or secrets.looks_random(bound.text):
        return False
    return any(isinstance(base, str) and base.endswith(".BaseSettings") for base in check.project.types.mro(bound.cls))


def _is_usable(kind: secrets.Kind, bound: BoundText) -> bool:
    """Whether the default works as a secret where it is used."""
    text = bound.text
    if secrets.is_absent(text) or "://" in text or secrets.is_template(text) or not text.isascii():
        return False
    if kind in ("signing", "password"):
        return not text.startswith(("/", "./", "~/"))
    if secrets.is_placeholder(text) or secrets.is_label(text, bound.name):
        return False
    return secrets.looks_random(text) or (any(c.isdigit() for c in text) and len(text) >= 8)


def _fix(bound: BoundText) -> Fix | None:
    """The edits that take the default away; None where it is not one plain argument or value, or a comment is lost."""
    edits: tuple[Edit, ...] | None = None
    if bound.how == "fallback" and bound.call is not None:
        edits = _without_default(bound.module, bound.call)
    elif bound.how == "setting" and bound.binding is not None:
        if bound.call is None:
            edits = _without_value(bound.module, bound.binding)
        elif bound.call.args:
            edits = _without_argument(bound.module, bound.call, bound.start)
    return Fix(f"Take the default of `{bound.name}` away", Safety.UNSAFE, edits) if edits else None


def _without_default(module: Module, call: f.Call) -> tuple[Edit, ...] | None:
    source = module.source
    code = source.slice(call.start, call.end)
    if "\n" in code and "#" in code:
        return None
    first = call.args[0]
    name = source.slice(first.start, first.end).split("=")[-1].strip()
    called = f.last_name(call.func)
    match call.func:
        case f.Attr(value=f.Attr() | f.Name(id="environ"), attr="get"):
            owner = source.slice(call.start, call.name_start).rstrip().rstrip(".")
            return (Edit(source.span(call.start, call.end), f"{owner}[{name}]"),)
        case f.Attr(value=f.Name(id=owner), attr="getenv"):
            return (Edit(source.span(call.start, call.end), f"{owner}.environ[{name}]"),)
        case f.Name(id="getenv"):
            from fastapi_lint.fixing.edits import importing  # libcst is only loaded where there is something to fix

            try:
                found = importing(source, "os", "environ")
            except Exception:  # the module does not parse: there is no tree to put an import into
                return None
            if found is None:
                return None
            return (*found[1], Edit(source.span(call.start, call.end), f"{found[0]}[{name}]"))
    if called in ("config", "env", "str"):
        default = next(
            (arg for i, arg in enumerate(call.args) if arg.name == "default" or (arg.name == "" and i == 1)), None
        )
        return None if default is None or default.name == "" else _without_argument(module, call, default.start)
    return None


def _without_argument(module: Module, call: f.Call, start: int) -> tuple[Edit, ...] | None:
    """One argument taken out of a call, with the comma behind it or before it."""
    source = module.source
    index = next((i for i, arg in enumerate(call.args) if arg.start == start), None)
    if index is None:
        return None
    if index + 1 < len(call.args):
        place = (start, call.args[index + 1].start)
    else:
        place = (call.args[index - 1].end if index else start, call.args[index].end)
    if "#" in source.slice(place[0], start) + source.slice(call.args[index].end, place[1]):
        return None
    return (Edit(source.span(*place), ""),)


def _without_value(module: Module, binding: f.Assign) -> tuple[Edit, ...] | None:
    """`name: str = "x"` becomes `name: str`; without an annotation there would be no field left."""
    if binding.annotation is None or binding.value is None:
        return None
    source = module.source
    code = source.slice(binding.start, binding.end)
    literals = BoundText(
        module, "", getattr(binding.value, "value", ""), "setting", binding.block, binding.start, binding.end
    )
    if not isinstance(binding.value, f.Const) or "#" in code.split("=", 1)[0]:
        return None
    before = source.slice(binding.start, literals.place[0])
    kept = before.rstrip(" \t(\\\r\n").removesuffix("=").rstrip()
    if kept == before or before.rstrip(" \t").endswith("("):
        return None
    start = binding.start + len(kept.encode())
    return (Edit(source.span(start, binding.end), ""),)
