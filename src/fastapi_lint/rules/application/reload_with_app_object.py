"""FAPI711: `uvicorn.run` with arguments that do not fit each other, or that it does not have."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from fastapi_lint.finding import Edit, Finding, Fix, Safety, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Instance, Module
from fastapi_lint.model.calls import given
from fastapi_lint.model.names import called
from fastapi_lint.model.types import is_none
from fastapi_lint.model.values import Unfolded
from fastapi_lint.rule import Check, rule

_ARGUMENTS = frozenset({
    "", "*", "**", "app", "host", "port", "uds", "fd", "loop", "http", "http2", "ws", "ws_max_size", "ws_max_queue",
    "ws_ping_interval", "ws_ping_timeout", "ws_per_message_deflate", "lifespan", "interface", "reload", "reload_dirs",
    "reload_includes", "reload_excludes", "reload_delay", "workers", "env_file", "log_config", "log_level",
    "access_log", "proxy_headers", "server_header", "date_header", "forwarded_allow_ips", "root_path",
    "limit_concurrency", "backlog", "limit_max_requests", "limit_max_requests_jitter", "timeout_keep_alive",
    "timeout_notify", "timeout_graceful_shutdown", "timeout_worker_healthcheck", "ssl_keyfile", "ssl_certfile",
    "ssl_keyfile_password", "ssl_version", "ssl_cert_reqs", "ssl_ca_certs", "ssl_ciphers", "ssl_context_factory",
    "headers", "use_colors", "app_dir", "factory", "h11_max_incomplete_event_size", "reset_contextvars",
})  # fmt: skip
"""Everything that `uvicorn.run` takes in any release from 0.18 to 0.54."""
_OLD_WORKERS = ("uvicorn.workers.UvicornWorker", "uvicorn.workers.UvicornH11Worker")


@rule("FAPI711", severity=Severity.ERROR, fix=Safety.UNSAFE, since="0.2.0")
def reload_with_app_object(module: Module, check: Check) -> Iterator[Finding]:
    """`uvicorn.run` gets an app object and is to reload or fork, or arguments that it does not have.

    Why is this bad?
    Reloading and workers start new processes, which import the app by its name: with an object, uvicorn warns and ends
    at once. `reload` and `workers` exclude each other; `workers` is then ignored. An argument that `uvicorn.run` does
    not have is a `TypeError`. `uvicorn.workers.UvicornWorker`, for gunicorn, is deprecated; it comes from the package
    `uvicorn-worker` now.

    Fix safety
    The object is replaced by its import string, where it is a variable of this module, which then has to be importable
    under that name from where the program is started.

    Known limits
    `uvicorn.Config` takes objects. Options that are unpacked are looked at where they are constants.

    References
    - [Uvicorn: settings](https://www.uvicorn.org/settings/)
    - [Uvicorn: deployment with gunicorn](https://www.uvicorn.org/deployment/#gunicorn)
    """
    if not module.mentions("uvicorn"):
        return
    for call in module.facts.calls:
        if call.args and called(module, call) == "run" and check.project.called_name(module, call) == "uvicorn.run":
            yield from _judged(module, call, check)
    for entry in module.facts.assigns:
        text = entry.value.value if isinstance(entry.value, f.Const) else None
        if isinstance(text, str) and text in _OLD_WORKERS:
            yield check.finding(
                entry,
                f"`{text}` is deprecated",
                why="it goes from uvicorn",
                instead=f"install uvicorn-worker and name `{text.replace('uvicorn.workers', 'uvicorn_worker')}`",
                severity=Severity.WARNING,
            )


def _judged(module: Module, call: f.Call, check: Check) -> Iterator[Finding]:
    for arg in call.args:
        if arg.name not in _ARGUMENTS:
            yield check.finding(
                arg,
                f"`uvicorn.run` has no argument `{arg.name}`",
                why="the call is a `TypeError`",
                instead="remove it",
            )
    app = f.keyword(call, "app") or next((arg for arg in call.args if arg.name == ""), None)
    forks = [arg for arg in call.args if arg.name in ("reload", "workers") and not _is_off(arg, module, call, check)]
    forks += _unpacked(module, call, check)
    if app is not None and forks and check.project.is_app(app.value, module, call.block, call.start):
        shown = " and ".join(f"`{arg.name}`" for arg in forks)
        yield check.finding(
            app,
            f"`uvicorn.run` gets an app object together with {shown}",
            why="new processes import the app by its name, so uvicorn ends at once",
            instead='give it as `"module:app"`',
            fix=partial(_fix, module, call, app, check),
        )
    elif len(forks) == 2 and all(_is_known(arg, module, call, check) for arg in forks):
        yield check.finding(
            forks[1],
            "`reload` and `workers` exclude each other",
            why="`workers` is ignored",
            instead="give one of them",
            severity=Severity.WARNING,
        )


def _unpacked(module: Module, call: f.Call, check: Check) -> Iterator[f.Arg]:
    """What starts further processes among options that are unpacked: `**options`."""
    for name in ("reload", "workers") if any(arg.name == "**" for arg in call.args) else ():
        found = given(check.project.values, module, call, name)
        if found is not None and found.arg.name == "**" and not isinstance(found.value, f.Unknown):
            arg = f.Arg(name, found.value, found.arg.start, found.arg.end)
            if _is_known(arg, found.where[0], call, check) and not _is_off(arg, found.where[0], call, check):
                yield arg


def _is_off(arg: f.Arg, module: Module, call: f.Call, check: Check) -> bool:
    """Whether an argument is a constant that starts no further process."""
    if is_none(arg.value):
        return True
    if _is_of_object(arg, module, call, check):
        return False
    try:
        value = check.project.values.constant(arg.value, (module, call.block, call.start))
    except Unfolded:
        return False
    return value is None or value is False or (value is not True and value in (0, 1))


def _is_of_object(arg: f.Arg, module: Module, call: f.Call, check: Check) -> bool:
    """Whether an object holds the value: what its class declares is a default only, as in settings."""
    return isinstance(arg.value, f.Attr) and isinstance(
        check.project.infer(arg.value.value, module, call.block, call.start), Instance
    )


def _is_known(arg: f.Arg, module: Module, call: f.Call, check: Check) -> bool:
    if _is_of_object(arg, module, call, check):
        return False
    value = check.project.values.folded(arg.value, (module, call.block, call.start))
    return value is True if arg.name == "reload" else isinstance(value, int)


def _imported_as(module: Module) -> str:
    """What a module is imported as: by its last name from its own folder, unless it counts on the package around it."""
    root = module.parts[0]
    is_part = any(entry.level or entry.module.partition(".")[0] == root for entry in module.facts.imports)
    return ".".join(module.parts) if is_part else module.parts[-1]


def _fix(module: Module, call: f.Call, app: f.Arg, check: Check) -> Fix | None:
    """The import string of a variable that this module binds at its top."""
    if not isinstance(app.value, f.Name) or module.facts.errors or app.name:
        return None
    name = app.value.id
    bindings = check.project.types.find_bindings(name, (module, call.block, call.start))
    if not bindings or not all(one.block == 0 and isinstance(one.entry, f.Assign) for one in bindings):
        return None
    span = module.source.span(app.start, app.end)
    return Fix("Give the app by its name", Safety.UNSAFE, (Edit(span, f'"{_imported_as(module)}:{name}"'),))
