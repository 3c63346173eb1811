"""FAPI647: TrustedHostMiddleware that trusts every host."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding
from fastapi_lint.model import Module
from fastapi_lint.model.application import additions
from fastapi_lint.model.calls import given, runs_by_configuration
from fastapi_lint.model.types import is_none
from fastapi_lint.model.values import Defaults
from fastapi_lint.rule import Check, rule

_TRUSTED = "fastapi.middleware.trustedhost.TrustedHostMiddleware"


@rule("FAPI647", words={"TrustedHostMiddleware"})
def wildcard_trusted_host(module: Module, check: Check) -> Iterator[Finding]:
    """`TrustedHostMiddleware` is added, and trusts every host.

    Why is this bad?
    The middleware refuses requests whose `Host` header names somebody else's site, so that no link in a mail and no
    entry of a cache is made of it. With `*` among its hosts, or without any, it lets everything pass, and looks as if
    it did not.

    Name the hosts, with `*.example.com` for all below one, or leave the middleware out.

    Known limits
    Hosts that are computed are not judged; of settings the default is. Branches that settings choose are left alone.

    References
    - [TrustedHostMiddleware](https://fastapi.tiangolo.com/advanced/middleware/#trustedhostmiddleware)
    """
    if module.is_test:
        return
    for call in additions(check.project, module, _TRUSTED):
        if runs_by_configuration(check.project.values, module, call.block):
            continue
        hosts = given(check.project.values, module, call, "allowed_hosts")
        if hosts is None or is_none(hosts.value):
            at, what = (call.start, call.name_end), "`TrustedHostMiddleware` has no `allowed_hosts`"
        elif any(text == "*" for text, _ in Defaults(check.project.values).texts(hosts.value, hosts.where)):
            at, what = (hosts.arg.start, hosts.arg.end), "`*` is among the `allowed_hosts`"
        else:
            continue
        yield check.finding(
            at,
            f"{what}, so that every host is trusted",
            why="the middleware checks nothing, and links are made of any `Host` header",
            instead="name the hosts of this service, or leave the middleware out",
        )
