"""Whether the path of a request is read by hand: off the request itself, or by whom it is handed to."""

from __future__ import annotations

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.expressions import evaluated, walk
from fastapi_lint.model.names.symbols import Function, FunctionObject
from fastapi_lint.model.types.inference.inference import Inference

CONNECTIONS = ("fastapi.Request", "fastapi.WebSocket", "fastapi.requests.HTTPConnection")
_HARMLESS = frozenset({
    "headers", "client", "cookies", "state", "app", "query_params", "method", "json", "body", "form", "session", "user",
    "auth", "is_disconnected", "stream", "base_url", "url_for", "receive", "send", "accept", "close", "receive_text",
    "receive_json", "receive_bytes", "send_text", "send_json", "send_bytes", "iter_text", "iter_json", "iter_bytes",
    "client_state", "application_state", "_json", "_body",
})  # fmt: skip
"""What says nothing of the path: neither the parameters in it, nor the URL or scope that they can be read from."""
_DEEPEST = 4


def reads_path(function: Function, name: str, types: Inference, depth: int = 0) -> bool:
    """Whether a function, or one that it hands the request on to, may read path parameters from it.

    Whom it gets outside the project (a template, a library) may do so.
    """
    if depth > _DEEPEST:
        return True
    handed = 0
    for call in function.calls:
        for position, arg in enumerate(call.args):
            if arg.value != f.Name(name):
                continue
            handed += 1
            callee = types.callee(function.module, call)
            if not isinstance(callee, FunctionObject):
                return True
            inner = arg.name or next(iter(callee.function.positional[position : position + 1]), "")
            if not inner or arg.name in ("*", "**") or reads_path(callee.function, inner, types, depth + 1):
                return True
    bare = 0
    for expr, _, _ in evaluated(function, nested=True):
        for part in walk(expr):
            if isinstance(part, f.Attr) and part.value == f.Name(name):
                if part.attr not in _HARMLESS:
                    return True
                bare -= 1
            elif part == f.Name(name):
                bare += 1
    return bare > handed
