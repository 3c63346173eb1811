"""Contexts of `ssl`: which expressions are some, and whether somebody chooses between one that verifies and another.

Judges nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.bodies.configured import runs_by_configuration
from fastapi_lint.model.names.symbols import External, Instance, Module
from fastapi_lint.model.types.inference.inference import Where

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_OF_SERVERS = frozenset({"PROTOCOL_TLS_SERVER", "CLIENT_AUTH"})


def is_tls_context(project: Project, expr: f.Expr, where: Where) -> bool:
    """Whether an expression is a context of `ssl`, or a name for one."""
    kind = project.infer(expr, *where)
    if isinstance(kind, Instance):
        return project.types.is_instance(kind, "ssl.SSLContext")
    for value, place in project.values.definitions(expr, where):
        if isinstance(value, f.CallRef):
            name = project.called_name(place[0], place[0].facts.calls[value.index]) or ""
            if name in ("ssl.create_default_context", "ssl.SSLContext"):
                return True
    return False


def is_context_of_server(project: Project, expr: f.Expr, where: Where) -> bool:
    """Whether a context is made for a server, which asks its clients for certificates only if it is told to."""
    for value, place in project.values.definitions(expr, where):
        for arg in place[0].facts.calls[value.index].args if isinstance(value, f.CallRef) else ():
            kind = project.infer(arg.value, *place)
            if f.last_name(arg.value) in _OF_SERVERS and isinstance(kind, External) and kind.name.startswith("ssl."):
                return True
    return False


def is_told_later(module: Module, target: f.Attr, where: Where) -> bool:
    """Whether the same context is told not to verify at all."""
    function = module.facts.blocks[where[1]].function
    return any(
        isinstance(each.target, f.Attr) and each.target.attr == "verify_mode" and each.target.value == target.value
        for each in module.assigns_in.get(function, ())
    )


def is_one_of_two_contexts(project: Project, module: Module, call: f.Call) -> bool:
    """Whether configuration chooses a context, or a condition does between this one and one that verifies."""
    if runs_by_configuration(project.values, module, call.block):
        return True
    return any(
        other is not call
        and f.last_name(other.func) in ("create_default_context", "SSLContext")
        and (project.called_name(module, other) or "").startswith("ssl.")
        and (is_chosen(module, call.block) or is_chosen(module, other.block))
        for other in module.calls_in.get(module.facts.blocks[call.block].function, ())
    )


def is_chosen(module: Module, block: int) -> bool:
    """Whether a place stands in a branch: somebody decides there how a context is made."""
    blocks = module.facts.blocks
    while block >= 0 and blocks[block].kind not in ("function", "module"):
        if blocks[block].kind in ("if", "else", "case"):
            return True
        block = blocks[block].parent
    return False
