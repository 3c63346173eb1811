"""FAPI626: TLS whose certificates nobody checks. Which switch of which library does that, the table below says."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Class, ClassObject, External, Function, Method, Module
from fastapi_lint.model.calls import (
    Given,
    given,
    is_chosen,
    is_context_of_server,
    is_one_of_two_contexts,
    is_tls_context,
    is_told_later,
    is_used_without_tls,
    needs_no_certificate,
    parameter_behind,
    runs_by_configuration,
    switch,
)
from fastapi_lint.model.types import Where
from fastapi_lint.model.values import Unfolded
from fastapi_lint.rule import Check, rule

_SWITCHES: dict[str, tuple[tuple[str, ...], tuple[object, ...]]] = {
    "verify": (
        ("httpx.", "httpx2.", "requests.", "niquests.", "boto3.", "botocore.", "hvac.", "curl_cffi."),
        (False, 0),
    ),
    "ssl": (("aiohttp.",), (False,)),
    "verify_ssl": (("aiohttp.", "influxdb_client."), (False,)),
    "verify_certs": (("elasticsearch.", "opensearchpy."), (False,)),
    "ssl_cert_reqs": (("redis.",), (None, "none", "CERT_NONE")),
    "cert_reqs": (("urllib3.",), ("CERT_NONE", "NONE")),
    "tlsAllowInvalidCertificates": (("pymongo.", "motor."), (True,)),
    "tlsInsecure": (("pymongo.", "motor."), (True,)),
    "cert_check": (("minio.",), (False,)),
    "VALIDATE_CERTS": (("fastapi_mail.",), (False,)),
    "validate_certs": (("aiosmtplib.",), (False,)),
}
"""Keywords that say whether certificates are verified: whose they are, and which values switch it off."""
_ATTRIBUTES = {
    "verify": ("requests.Session", "httpx.Client", "httpx.AsyncClient", "httpx2.Client", "httpx2.AsyncClient"),
    "check_hostname": ("ssl.SSLContext",),
}
_SET = frozenset({"verify_mode", "_create_default_https_context", *_ATTRIBUTES})
_UNVERIFIED = ("ssl._create_unverified_context", "ssl._create_stdlib_context")
_CONTEXTS = tuple(name.rpartition(".")[2] for name in _UNVERIFIED)
_NONE = ("ssl.CERT_NONE", "ssl.VerifyMode.CERT_NONE")
_WHY = "whoever stands between reads and changes what is sent, passwords and tokens included"
_INSTEAD = (
    "leave it on; for a private authority give its certificate, as in `verify=ssl.create_default_context(cafile=...)`"
)
_INSTEAD_BESIDE = "leave it on, unless this has to talk to any server, whatever its certificate, as a scanner does"


@rule("FAPI626", hint=r"verify|ssl|CERT|cert_|tls|_unverified")
def unverified_tls(module: Module, check: Check) -> Iterator[Finding]:
    """A client is told not to verify the certificates of the servers that it talks to.

    Why is this bad?
    TLS without a check of the certificate keeps out nobody who can answer in the server's place: the client sends its
    passwords, tokens and data to whoever takes the connection. It is often left over from a day on which a certificate
    had expired.

    A private authority is no reason: give the client its certificate (`verify="ca.pem"` in requests, an `SSLContext`
    in HTTPX and aiohttp).

    Known limits
    Values of settings and of the environment are left alone, and so are branches that these choose, a context that a
    condition chooses where the other one verifies, addresses of the own machine and those of `http:`, contexts of
    servers, which ask no client for a certificate, and tests. In modules that the application does not run, a program
    that scans for example, it is an information. Functions that have a parameter for it are reported where it is
    switched off.

    References
    - [HTTPX: SSL](https://www.python-httpx.org/advanced/ssl/)
    - [Requests: SSL cert verification](https://requests.readthedocs.io/en/latest/user/advanced/#ssl-cert-verification)
    - [CWE-295](https://cwe.mitre.org/data/definitions/295.html)
    """
    if module.is_test:
        return
    yield from _calls(module, check)
    for assign in module.facts.assigns:
        if type(assign.target) is f.Attr and assign.target.attr in _SET and assign.value is not None:
            place = (module, assign.block, assign.start)
            if not is_chosen(module, assign.block):
                what = _attribute(assign.target, assign.value, place, check)
                if what:
                    yield _finding(check, module, (assign.start, assign.end), what)


def _calls(module: Module, check: Check) -> Iterator[Finding]:
    values, named, calls = check.project.values, module.calls_by_keyword, module.calls_by_name
    likely = {index for keyword in (*_SWITCHES, "**") for index in named.get(keyword, ())}
    likely.update(index for name in _CONTEXTS for index in calls.get(name, ()))
    for call in (module.facts.calls[index] for index in sorted(likely)):
        names = {arg.name for arg in call.args}
        if f.last_name(call.func) in _CONTEXTS:
            if check.project.called_name(module, call) in _UNVERIFIED and not is_one_of_two_contexts(
                check.project, module, call
            ):
                yield _finding(check, module, (call.start, call.end), "this context does not verify certificates")
            continue
        for keyword in _SWITCHES if "**" in names else names & _SWITCHES.keys():
            value = given(values, module, call, keyword)
            if value is None or isinstance(value.value, f.Unknown) or not _is_known(module, call, keyword, check):
                continue
            shown = module.source.slice(call.start, call.name_end)
            if runs_by_configuration(values, module, call.block) or needs_no_certificate(module, call, values):
                continue
            if _is_off(value.value, value.where, keyword, check):
                at = (value.arg.start, value.arg.end)
                yield _finding(check, module, at, f"`{shown}` does not verify certificates")
            else:
                yield from _through(value, keyword, shown, check)


def _finding(check: Check, module: Module, at: tuple[int, int], title: str) -> Finding:
    if check.project.effects.is_served(module):
        return check.finding(at, title, why=_WHY, instead=_INSTEAD, module=module)
    return check.finding(at, title, why=_WHY, instead=_INSTEAD_BESIDE, module=module, severity=Severity.INFO)


def _is_known(module: Module, call: f.Call, keyword: str, check: Check) -> bool:
    """Whether a call is one of a library in which a keyword says whether certificates are verified."""
    prefixes = _SWITCHES[keyword][0]
    target = check.project.callee(module, call)
    if target == External("functools.partial") and call.args:
        target = check.project.infer(call.args[0].value, module, call.block, call.start)
    match target:
        case External(name=name):
            return name.startswith(prefixes)
        case Method(cls=cls):
            return cls.startswith(prefixes)
        case ClassObject(cls=cls):
            own = [base for base in check.project.types.mro(cls) if isinstance(base, Class)]
            external = [base for base in check.project.types.mro(cls) if isinstance(base, str)]
            return any(e.startswith(prefixes) for e in external) and not any("__init__" in base.methods for base in own)
    return False


def _is_off(expr: f.Expr, where: Where, keyword: str, check: Check) -> bool:
    kind = check.project.infer(expr, *where)
    if isinstance(kind, External) and kind.name in _NONE:
        return "CERT_NONE" in _SWITCHES[keyword][1]
    try:
        value = switch(check.project.values, expr, where)
    except Unfolded:
        return False
    return any(value == bad and isinstance(value, type(bad)) for bad in _SWITCHES[keyword][1])


def _through(value: Given, keyword: str, shown: str, check: Check) -> Iterator[Finding]:
    """Where a parameter that becomes the switch is switched off: by callers, or by its default."""
    values = check.project.values
    found = parameter_behind(values, value.value, value.where)
    if found is None:
        return
    function, param = found
    title = f"`{shown}` in `{function.cls.name if function.cls else function.name}` does not verify certificates"
    position = function.params.index(param) - (function.cls is not None)
    by_default = False
    uses = check.project.callers.uses(function)
    for use in uses:
        call = next(
            (one for one in use.module.facts.calls if one.start == use.start and _calls_it(one, function)), None
        )
        if call is None or use.module.is_test:
            continue
        passed = given(values, use.module, call, param.name, position)
        if passed is None:
            by_default = True
        elif _is_off(passed.value, passed.where, keyword, check) and not needs_no_certificate(use.module, call, values):
            if not runs_by_configuration(values, use.module, call.block):
                yield _finding(check, use.module, (passed.arg.start, passed.arg.end), title)
    if (by_default or not uses) and param.default is not None:
        where = (function.module, function.facts.outer, param.start)
        if _is_off(param.default, where, keyword, check):
            yield _finding(check, function.module, (param.start, param.end), f"{title} by default")


def _calls_it(call: f.Call, function: Function) -> bool:
    name = f.last_name(call.func)
    return name == function.name or (function.cls is not None and function.name == "__init__") or bool(name)


def _attribute(target: f.Attr, value: f.Expr, where: Where, check: Check) -> str:
    """What is switched off by an attribute: of a session, of a context, of the module `ssl`."""
    project, module = check.project, where[0]
    shown = _text(target.value)
    kind = project.infer(value, *where)
    name = kind.name if isinstance(kind, External) else ""
    if target.attr == "_create_default_https_context":
        return "no client of the standard library verifies certificates" if name in _UNVERIFIED else ""
    if target.attr == "verify_mode":
        return (
            f"`{shown}` does not verify certificates"
            if name in _NONE
            and is_tls_context(check.project, target.value, where)
            and not is_context_of_server(check.project, target.value, where)
            else ""
        )
    if target.attr not in _ATTRIBUTES or not _is_false(value, where, check):
        return ""
    owner = project.infer(target.value, *where)
    if target.attr == "check_hostname":
        if not is_tls_context(check.project, target.value, where) or is_told_later(module, target, where):
            return ""  # the attribute has to be off before the other one
        if is_context_of_server(check.project, target.value, where):
            return ""
        return f"`{shown}` takes a certificate of any host"
    if not project.types.is_instance(owner, *_ATTRIBUTES["verify"]):
        return ""
    is_plain = is_used_without_tls(module, target.value, where[1], project.values)
    return f"`{shown}` does not verify certificates" if not is_plain else ""


def _is_false(value: f.Expr, where: Where, check: Check) -> bool:
    try:
        return switch(check.project.values, value, where) in (False, 0)
    except Unfolded:
        return False


def _text(expr: f.Expr) -> str:
    match expr:
        case f.Name(id=name):
            return name
        case f.Attr(value=value, attr=attr):
            return f"{_text(value)}.{attr}"
    return "it"
