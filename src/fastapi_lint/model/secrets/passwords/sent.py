"""Passwords that are only sent on to another service, which keeps and judges them. Judges nothing itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.expressions import attributes_of, comparisons_of, walk
from fastapi_lint.model.names.symbols import Class

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_SERVICES = (
    "httpx.", "httpx2.", "requests.", "aiohttp.", "urllib3.", "supabase.", "gotrue.", "firebase_admin.", "keycloak.",
    "boto3.", "auth0.",
)  # fmt: skip


def is_only_sent_on(project: Project, cls: Class, name: str) -> bool:
    """Whether every call that is given the field of an object of a class is one of another service; and one is."""
    found = False
    for module in project.modules:
        if module.is_test or not module.mentions(name):
            continue
        for call in module.facts.calls:
            given = [part for arg in call.args for part in walk(arg.value)]
            kept = list(walk(call.func))  # `.encode()` of it goes where nobody looks here
            for part in (*kept, *given):
                if not isinstance(part, f.Attr) or part.attr != name:
                    continue
                owner = project.infer(part.value, module, call.block, call.start)
                if not project.types.is_instance(owner, cls):
                    continue
                if part in kept or not (project.called_name(module, call) or "").startswith(_SERVICES):
                    return False
                found = True
    return found


def is_read(project: Project, cls: Class, name: str) -> bool:
    """Whether a field of an object of a class, or of one that is not known, is read for more than a comparison."""
    for module in project.modules.with_word(name):
        for function in () if module.is_test else module.functions:
            compared = {part for each, _, _ in comparisons_of(function) for part in each.operands}
            for part, block, at in attributes_of(function):
                if part.attr == name and part not in compared:
                    owner = project.infer(part.value, module, block, at)
                    if owner is None or project.types.is_instance(owner, cls):
                        return True
    return False
