"""FAPI602: a secret has a default for when it is missing. Fixed secrets elsewhere are FAPI601's, URLs FAPI603's."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from fastapi_lint.catalog.secrecy import secrets
from fastapi_lint.finding import Edit, Finding, Fix, Safety, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model.calls import is_for_tests
from fastapi_lint.model.names import Module
from fastapi_lint.model.secrets import Use, fallbacks, surroundings, texts_in_use
from fastapi_lint.model.values import BoundText, bound_texts, environment_read, is_set_default
from fastapi_lint.model.values.readers import default_of
from fastapi_lint.rule import Check, rule

_STOP = "take the default away, so that a missing secret stops the program"
_REFUSE = "refuse everything while it is empty, or take the default away"
_KNOWN = "everybody who reads the source knows it"
_UNREAD = "nothing reads it yet: who does one day runs with what everybody knows"
_REMOVE = "take the setting away, or its default"
_LOOK_UPS = frozenset({"get", "pop", "setdefault"})  # of any mapping


@rule("FAPI602", severity=Severity.WARNING, fix=Safety.UNSAFE)
def insecure_secret_fallback(module: Module, check: Check) -> Iterator[Finding]:
    """A secret that is missing from the environment falls back to one that everybody knows.

    Why is this bad?
    A deployment that forgets to set the variable starts without a word and runs with a password or signing key
    that stands in the source. A program that stops at once is noticed by the one who can repair it. Without a
    default, `os.environ["SECRET_KEY"]` and a field of `BaseSettings` say which variable is missing.

    Fix safety
    The fix takes the default away, so that a program that relied on it no longer starts: unsafe by intention. Set
    the variable in development; one in a `.env` file counts where something loads the file into the environment.

    Known limits
    Defaults of API keys and tokens are reported only when they are no placeholders: a client with a placeholder
    for a key opens nothing. An `or` behind the call is reported, not fixed, and so is a variable that is read as the
    default of another one: without a default of its own, it would have to be set beside that one. A default is left
    alone where something compares the secret with it and raises, and one for a host of documentation (`example.com`).
    A setting that nothing in the application reads is information.

    References
    - [Settings and environment variables](https://fastapi.tiangolo.com/advanced/settings/)
    - [Pydantic: settings management](https://docs.pydantic.dev/latest/concepts/pydantic_settings/)
    - [CWE-1188: resources with an insecure default](https://cwe.mitre.org/data/definitions/1188.html)
    """
    if is_for_tests(check.project, module):
        return
    if not secrets.hints_at_secrets(module.words_once) and module not in check.project.secrets.uses:
        return
    given = (each for each in fallbacks(module) if secrets.secret_name(each.name) in ("signing", "encryption"))
    for bound in chain(bound_texts(module), texts_in_use(module, check.project), given):
        variable = check.project.secrets.stands_in_for(bound)
        uses = check.project.secrets.uses_of(bound) if variable is not None else ()
        kind = _kind(bound, variable, uses) if variable is not None else None
        if variable is None or kind is None or _is_real(bound) or not _is_usable(kind, bound, uses, check):
            continue
        if not _matters(bound, check) or surroundings.is_refused(bound, check.project):
            continue
        why = _why(kind, uses)
        severity = Severity.ERROR if kind in ("signing", "encryption") else Severity.WARNING
        host = surroundings.host_beside(bound) if kind == "password" else None
        if host is not None and secrets.is_documentation_host(host):
            continue  # nobody has an account there
        if host is not None and secrets.is_local_host(host):
            severity, why = Severity.INFO, f"{why}; as it stands it opens what runs on this machine (`{host}`)"
        instead, is_kept = _STOP, surroundings.is_for_one_branch(bound, check.project) or _is_spare(bound, check)
        if not bound.text and _is_optional(bound, variable, check):
            severity, instead, is_kept = Severity.WARNING, _REFUSE, True
        if severity is not Severity.INFO and surroundings.is_never_read(bound, check.project):
            severity, why, instead, is_kept = Severity.INFO, _UNREAD, _REMOVE, True
        yield check.finding(
            bound.place,
            f"`{variable}` falls back to {'a fixed' if bound.text else 'an empty'} text when it is not set",
            why=why,
            instead=instead,
            severity=severity,
            fix=None if is_kept else _fix(bound),
        )


def _is_optional(bound: BoundText, variable: str, check: Check) -> bool:
    """Whether all settings of the same service are empty by default: who does not use it sets none of them."""
    first, block = secrets.words(variable)[:1], bound.module.facts.blocks[bound.block]
    others = [
        other.text
        for other in bound_texts(bound.module)
        if other.block == bound.block
        and block.kind == "class"
        and (name := check.project.secrets.stands_in_for(other)) is not None
        and name != variable
        and secrets.words(name)[:1] == first
    ]
    return others.count("") > 1


def _kind(bound: BoundText, variable: str, uses: tuple[Use, ...]) -> secrets.Kind | None:
    """What a text is a secret for: what is done with it, else what its name or that of the variable says."""
    roles = {use.role for use in uses}  # what a protocol says is not read from the environment
    if "signs" in roles:
        return "signing"
    if "encrypts" in roles:
        return "encryption"
    kind = secrets.secret_name(bound.name) or secrets.secret_name(variable)
    if kind == "key" and secrets.words(bound.name) == ["secret"]:
        return "signing"  # the one secret of an application is what it signs with
    if kind is None and "asked" in roles:
        kind = secrets.secret_name(bound.name.rstrip("sS"))  # several of them, of which one is enough
    if kind is None and secrets.words(bound.name)[-1:] == ["key"] and "asked" in roles:
        return "token"  # a key of any name that callers have to show
    return kind


def _why(kind: secrets.Kind, uses: tuple[Use, ...]) -> str:
    if kind == "signing":
        return "anybody can forge what it signs"
    if kind == "encryption":
        return "anybody can read what it encrypts"
    if any(use.role == "asked" for use in uses):
        return "everybody who reads the source can show what the program asks for"
    return _KNOWN


def _is_real(bound: BoundText) -> bool:
    """Whether a default looks like a real secret, which is FAPI601's."""
    made = bound.how == "setting" and secrets.looks_random(bound.text)
    return made or secrets.token_kind(bound.text) is not None


def _is_usable(kind: secrets.Kind, bound: BoundText, uses: tuple[Use, ...], check: Check) -> bool:
    """Whether the default works as a secret where it is used."""
    text = bound.text
    if not text:
        is_named = secrets.is_secret_name(bound.name) and any(use.takes_empty for use in uses)
        return is_named and not surroundings.is_checked(bound, check.project)
    signs = kind in ("signing", "encryption") and text.startswith(("http://", "https://"))  # as good as any other
    if (
        secrets.is_absent(text)
        or ("://" in text and not signs)
        or secrets.is_template(text)
        or secrets.is_pattern(text)
    ):
        return False
    if not text.isascii():
        return False
    if kind in ("signing", "encryption", "password"):
        return not text.startswith(("/", "./", "~/"))
    if any(use.role == "asked" for use in uses):
        return True
    if secrets.is_placeholder(text) or secrets.is_label(text, bound.name):
        return False
    return secrets.looks_random(text) or (any(c.isdigit() for c in text) and len(text) >= 8)


def _matters(bound: BoundText, check: Check) -> bool:
    """Whether an application runs with the default: no try-out, no script that serves nobody, no class nobody makes."""
    project = check.project
    serves = surroundings.runs_a_server(bound.module, project)
    if not serves and surroundings.runs_as_script(bound.module, bound.block, project):
        return False
    if bound.how == "written" or (bound.call is not None and is_set_default(bound.call)):
        return serves or project.effects.serving.is_served(bound.module)
    cls = surroundings.class_around(bound)
    return cls is None or not surroundings.is_unused_alternative(cls, project)


def _is_spare(bound: BoundText, check: Check) -> bool:
    """Whether a variable is read for the default of another look-up alone: it is read every time, and may well be
    missing."""
    module, own = bound.module, bound.call
    if own is None:
        return False
    spare: list[range] = []
    for call in module.facts.calls:
        looks_up = environment_read(module, call) is not None or f.last_name(call.func) in _LOOK_UPS
        given = default_of(call) if looks_up and call is not own else None
        if given is not None:
            spare.append(range(given.start, given.end))
    if any(own.start in each and own.end <= each.stop for each in spare):
        return True
    entry = next((each for each in module.facts.assigns if each.start <= own.start < each.end), None)
    if not spare or entry is None or entry.target != f.Name(bound.name) or module.facts.blocks[entry.block].parent >= 0:
        return False
    read = [at for at in surroundings.mentions(bound.name, module) if not entry.start <= at < entry.end]
    return (
        bool(read)
        and all(any(at in each for each in spare) for at in read)
        and not any(other.mentions(bound.name) for other in check.project.modules if other is not module)
    )


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
            # libcst is only loaded where there is something to fix
            from fastapi_lint.fixing.edits import importing
            from fastapi_lint.fixing.edits.calls import node_at

            try:
                found = importing(source, "os", "environ", at=node_at(source, call.start))
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
