"""Which expressions give something new each time: times, identifiers, random values. Judges nothing."""

from __future__ import annotations

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import External, Function, FunctionObject, Module, without_partials
from fastapi_lint.model.types.inference.inference import Inference

_FRESH = frozenset({
    "datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today", "datetime.date.today", "time.time",
    "time.time_ns", "time.monotonic", "time.monotonic_ns", "time.perf_counter", "time.perf_counter_ns", "uuid.uuid1",
    "uuid.uuid4", "uuid.uuid6", "uuid.uuid7", "secrets.token_hex", "secrets.token_bytes",
    "secrets.token_urlsafe", "secrets.randbelow", "secrets.choice", "random.random", "random.randint", "random.choice",
    "random.randrange", "random.uniform", "random.getrandbits", "os.urandom",
})  # fmt: skip
_THROUGH = frozenset({"str", "int", "float", "round", "bytes", "repr"})
FRESH_WORDS = (
    b"now(",
    b"today(",
    b"time(",
    b"uuid",
    b"token_",
    b"rand",
    b"choice(",
    b"time_ns(",
    b"monotonic",
    b"perf_counter",
)
"""Without one of these a module makes nothing new."""
_DEEPEST = 6


def fresh(value: f.Expr | None, module: Module, types: Inference, depth: int = 0) -> f.Call | None:
    """The call in an expression that gives something new each time; the project's own one-liners are looked into."""
    if depth > _DEEPEST:
        return None
    match value:
        case f.CallRef(index=index):
            call = module.facts.calls[index]
            match without_partials(types.callee(module, call)):
                case External(name=name) if name in _FRESH:
                    return call
                case External(name=name) if name in _THROUGH and call.args:
                    return fresh(call.args[0].value, module, types, depth + 1)
                case FunctionObject(function=function) if _gives_fresh(function, types, depth):
                    return call
            if isinstance(call.func, f.Attr):
                return fresh(call.func.value, module, types, depth + 1)
        case f.Attr(value=inner):
            return fresh(inner, module, types, depth + 1)
        case f.Binary(left=left, right=right):
            return fresh(left, module, types, depth + 1) or fresh(right, module, types, depth + 1)
        case f.Joined(parts=parts):
            return next((found for part in parts if (found := fresh(part, module, types, depth + 1))), None)
    return None


def _gives_fresh(function: Function, types: Inference, depth: int) -> bool:
    """Whether a plain function of the project does nothing but return something new."""
    if function.is_async or function.is_generator or function.facts.decorators or len(function.exits) != 1 or depth > 3:
        return False
    leaving = function.exits[0]
    inside = leaving.block == function.facts.block and leaving.kind == "return"
    return inside and fresh(leaving.value, function.module, types, depth + 2) is not None
