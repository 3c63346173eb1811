"""Which dependencies authenticate: by what they are, by what they read and refuse, and by their names."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator
from dataclasses import replace
from typing import Protocol

from fastapi_lint import catalog
from fastapi_lint.index import facts as f
from fastapi_lint.model.injection.connections import CONNECTIONS
from fastapi_lint.model.injection.parameters import Depends, Parameter, called_for
from fastapi_lint.model.injection.protection.strangers import knows_no_caller
from fastapi_lint.model.names.places import place_of
from fastapi_lint.model.names.symbols import (
    Class,
    ClassObject,
    External,
    Function,
    FunctionObject,
    Instance,
    Method,
    Partial,
    Type,
)
from fastapi_lint.model.types.alternatives import admits_none
from fastapi_lint.model.types.inference.inference import Inference, is_none
from fastapi_lint.model.values.constants import Unfolded, Values
from fastapi_lint.tracking import recording
from fastapi_lint.tracking.memory import Memos

_AUTH_NAME = re.compile(
    r"(^|_)(auth|authn|authz|authed|authenticat\w{0,60}|authori[sz]\w{0,60}|current_(\w{1,60}_)?(user|account|member|"
    r"admin|customer|principal|subject|identity|org|"
    r"organi[sz]ation|tenant|incident|case|actor)s?\w{0,60}|logged_in\w{0,60}|login_required|"
    r"(verify|validate|check|decode|parse|require|requires|required|need|needs|ensure|enforce|"
    r"assert)_\w{0,60}(token|key|user|auth|jwt|signature|secret|access|admin|"
    r"session|password|permission|role|scope|login|credential|member|owner|superuser|bearer)\w{0,60}|is_(admin|"
    r"authenticated|superuser|owner|staff)|"
    r"admin_(required|only|user|auth)|(user|token|role|login|auth|permission|scope)s?_required|"
    r"permissions?|api_?key|x_api_key|"
    r"(verified|active|admin|authenticated|authorized|session|optional|human|api|super)_?user|superuser|"
    r"get_user|get_user_from_\w{1,60}|get_me|"
    r"jwt\w{0,60}|\w{0,60}bearer|oauth2?_?\w{0,60}|protect(ed)?|guard|rbac|acl|has_(role|permission|scope|access)s?|"
    r"\w{0,60}principal|\w{0,60}identity|"
    r"access_token|id_token|bearer_token|get_token|token_auth|http_?basic\w{0,60})($|_)",
    re.IGNORECASE,
)
_PROVIDER = re.compile(
    r"(service|repo|repository|manager|crud|dao|store|storage|filter|params?|parameters|settings|config|"
    r"factory|client|provider|resolver|form|"
    r"formstrict|schema|adapter|controller|usecase|use_case|limiter|limit|strategy|backend|gateway|db|"
    r"database|session_maker|cache|url|uri)s?(_dep|_dependency)?$",
    re.IGNORECASE,
)
"""Names of what gives access to users, tokens and permissions as data: such a dependency identifies nobody."""
_SCHEMES = "fastapi.security."
_CREDENTIAL = re.compile(
    r"authorization|cookie|api[-_]?key|token|signature|secret|x-[\w-]{0,60}(key|token|auth|signature)|session",
    re.IGNORECASE,
)


def named_for_authentication(name: str) -> bool:
    """Whether a dependency is called like one that authenticates: `get_current_user`, `require_admin`."""
    # CamelCase is read as snake_case: an initial after a small letter begins a word.
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return _PROVIDER.search(snake) is None and _AUTH_NAME.search(snake) is not None


class Graph(Protocol):
    """What is asked of the Depends graph (`dependencies.Dependencies`)."""

    def closure(self, depends: Depends) -> Iterator[Depends]: ...
    def parameters(self, function: Function) -> tuple[Parameter, ...]: ...


class Authentication:
    """Answers whether a dependency checks who is asking."""

    def __init__(self, graph: Graph, types: Inference, values: Values) -> None:
        self.graph = graph
        self.types = types
        self.values = values
        self._known: Memos[Hashable, bool | None] = Memos()

    def authenticates(self, depends: Depends) -> bool | None:
        """Whether a dependency, or one below it, checks who is asking; None when it cannot be known."""
        unknown = False
        for one in self.graph.closure(depends):
            verdict = self._checks(one)
            if verdict:
                return True
            unknown = unknown or verdict is None
        return None if unknown else False

    def demands(self, depends: Depends) -> bool:
        """Whether a dependency that authenticates, or one below it, turns strangers away instead of giving None."""
        return any(self._checks(one) and not self._lets_in(one, one.target) for one in self.graph.closure(depends))

    def identifies(self, depends: Depends) -> bool:
        """Whether a dependency that authenticates, or one below it, can tell callers apart.

        One that is only seen to answer 403 cannot: it may look up a project, and say so when there is none.
        """
        return any(self._checks(one) and not self._only_forbids(one) for one in self.graph.closure(depends))

    def _only_forbids(self, depends: Depends) -> bool:
        """Whether a function has nothing of the caller: no credential, no request, no name, and no 401."""
        target = depends.target
        if depends.is_security or not isinstance(target, FunctionObject) or self._is_named(depends, target.function):
            return False
        function = target.function
        if self._takes_credential(function) or self._looks_at_headers(function) or 401 in self._refusals(function):
            return False
        given = (parameter.type for parameter in self.graph.parameters(function))
        return not any(isinstance(one, Instance) and self.types.is_instance(one, *CONNECTIONS) for one in given)

    def _is_named(self, depends: Depends, function: Function) -> bool:
        """Whether a function is called like one that authenticates, as it may do."""
        outer = function.parent  # `Depends(require_role("admin"))`: the function inside is called anything
        names = (depends.name, function.name, outer.name if outer else "")
        return self._says_so(depends, *names)

    def _says_so(self, depends: Depends, *names: str) -> bool:
        """Whether one of the names of a dependency is of one that authenticates, as it may do."""
        return any(map(named_for_authentication, names)) and not knows_no_caller(depends, self.graph, self.types)

    def _lets_in(self, depends: Depends, target: Type) -> bool:
        """Whether a dependency that authenticates has an answer for strangers, too."""
        match target:
            case Partial(callable=inner):
                return self._lets_in(depends, inner)
            case FunctionObject(function=function):
                return self._knows_nobody(function)
            case Instance(origin=origin):
                if is_lenient(target, self.types, self.values, derived=True):
                    return True
                if (called := called_for(target, self.types)) is not None:
                    return self._knows_nobody(called)
                return origin is not None and _is_optional(f.keyword(origin.facts, "optional"))
        for arg in depends.call.args:  # `Depends(users.current_user(optional=True))`
            if isinstance(arg.value, f.CallRef):
                return _is_optional(f.keyword(depends.module.facts.calls[arg.value.index], "optional"))
        return False

    def _knows_nobody(self, function: Function) -> bool:
        """Whether a function gives None for strangers: it says so, or returns that beside values.

        One that is declared to may still refuse, by itself or by a function that it calls.
        """
        declared = function.facts.returns
        given = [leave.value for leave in function.exits if leave.kind in ("return", "yield")]
        nothing = [value is None or is_none(value) for value in given]
        mixed = any(nothing) and not all(nothing)
        if declared is None:
            return mixed
        where = (function.module, function.facts.outer, function.facts.start)
        if is_none(declared) or not admits_none(self.types, declared, where):
            return False
        return mixed or not (self._answers_no(function) or any(map(self._answers_no, self._callees(function))))

    def _callees(self, function: Function) -> Iterator[Function]:
        for call in function.calls:
            value = self.types.callee(function.module, call)
            if isinstance(value, FunctionObject):
                yield value.function

    def _checks(self, depends: Depends) -> bool | None:
        if depends.is_security:
            return True
        target = depends.target
        key = target if target is not None else place_of(depends.module, depends.call)
        return recording.recalled(self._known, key, lambda: self._judged(depends))

    def _judged(self, depends: Depends) -> bool | None:
        target = depends.target
        if not isinstance(target, FunctionObject) and self._says_so(depends, depends.name):
            return True
        match target:
            case Instance(cls=cls):
                if self._is_scheme(cls):
                    return True
                if isinstance(cls, Class) and self._says_so(depends, cls.name):
                    return True
                called = called_for(target, self.types)
                return self._reads_credentials(called) if called is not None else None
            case FunctionObject(function=function):
                return self._is_named(depends, function) or self._reads_credentials(function)
            case ClassObject(cls=cls):
                if self._is_scheme(cls) or self._says_so(depends, cls.name):
                    return True
                called = called_for(target, self.types)
                return called is not None and self._reads_credentials(called)
            case External(name=name):
                if name.endswith(("RequestForm", "RequestFormStrict")):  # the form of a login
                    return False
                return (
                    True
                    if catalog.auth_dependency(name) or name.startswith("fastapi.security.")
                    else (None if "." in name else False)
                )
            case Method(cls=cls, name=name):
                return True if catalog.auth_dependency(f"{cls}.{name}") else None
            case Partial(callable=inner):
                return self._judged(replace(depends, target=inner, is_security=False))
        return None

    def _is_scheme(self, cls: Class | str) -> bool:
        """Whether a class is a security scheme of FastAPI or of a known authentication package."""
        for base in self.types.mro(cls) if isinstance(cls, Class) else (cls,):
            if isinstance(base, str) and (catalog.security_scheme(base) or catalog.auth_dependency(base)):
                return True
        return False

    def _reads_credentials(self, function: Function) -> bool:
        """Whether a dependency reads a credential of the request itself, or refuses with 401 or 403."""
        return self._takes_credential(function) or self.refuses(function)

    def _takes_credential(self, function: Function) -> bool:
        for parameter in self.graph.parameters(function):
            if parameter.marker in ("fastapi.Header", "fastapi.Cookie"):
                alias = parameter.keyword("alias")
                text = alias.value.value if alias and isinstance(alias.value, f.Const) else parameter.name
                if _CREDENTIAL.search(str(text)):
                    return True
        return False

    def refuses(self, function: Function) -> bool:
        """Whether a function's own body raises an error with status 401 or 403, or reads a credential of a request."""
        return self._looks_at_headers(function) or self._answers_no(function)

    def _looks_at_headers(self, function: Function) -> bool:
        for call in function.calls:
            match call.func:
                case f.Attr(value=f.Attr(attr="headers" | "cookies"), attr="get") if call.args:
                    text = self.values.text(call.args[0].value, (function.module, call.block, call.start))
                    if text and _CREDENTIAL.search(text):
                        return True
        return False

    def _answers_no(self, function: Function) -> bool:
        """Whether a function's own body makes an answer with status 401 or 403."""
        return bool(self._refusals(function))

    def _refusals(self, function: Function) -> set[int]:
        """Which of 401 and 403 a function's own body makes an answer with."""
        found = set()
        for call in function.calls:
            for arg in call.args[:2]:
                if arg.name in ("", "status_code") and isinstance(arg.value, (f.Const, f.Attr)):
                    status = self.values.status(arg.value, (function.module, call.block, call.start))
                    if status in (401, 403):
                        found.add(status)
        return found


def is_lenient(scheme: Instance, types: Inference, values: Values, *, derived: bool = False) -> bool:
    """Whether a security scheme gives None instead of an error: it is made with `auto_error=False`.

    Of a class of the project with a `__call__` of its own that is known only if `derived`: when its bases are schemes.
    """
    if scheme.origin is None or (isinstance(scheme.cls, Class) and "__call__" in scheme.cls.methods and not derived):
        return False
    bases = types.mro(scheme.cls) if isinstance(scheme.cls, Class) else (scheme.cls,)
    if not any(isinstance(base, str) and base.startswith(_SCHEMES) for base in bases):
        return False
    call = scheme.origin.facts
    given = f.keyword(call, "auto_error")
    if given is None:
        return False
    try:
        return values.constant(given.value, (scheme.origin.module, call.block, call.start)) is False
    except Unfolded:
        return False


def _is_optional(given: f.Arg | None) -> bool:
    return given is not None and isinstance(given.value, f.Const) and given.value.value is True
