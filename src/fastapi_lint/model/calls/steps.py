"""One thing that a function does, and how the code names it. Resolves nothing."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Function, Module

_LONGEST = 70


@dataclass(frozen=True)
class Step:
    """One thing that a function does: where it stands, and the project function that it runs (None: a library's).

    `call` is the call, or None for what happens without one: a property is read, a `for` or `with` runs an object.
    `block` is where it stands, `subject` the expression whose property is read, or that a `for`, a `with` or a
    built-in like `list` runs. `several`: it is a method of one of several objects, of which another one may be meant.
    """

    module: Module
    start: int
    end: int
    function: Function | None
    call: f.Call | None = None
    name: str = ""
    block: int = -1
    subject: f.Expr | None = None
    several: bool = False

    @property
    def shown(self) -> str:
        """What runs, in the words of the code (`self.client.get`); its full name when those are too many."""
        if self.call is not None and (text := written(self.module, self.call)):
            inner = shown(self.module, self.subject) if self.subject is not None else "?"
            return text if "?" in inner or len(inner) > _LONGEST else f"{text}({inner})"
        if self.function is None and self.subject is not None:
            if (text := shown(self.module, self.subject)) and "?" not in text and len(text) <= _LONGEST:
                return text
        return self.name or (self.function.qualname if self.function else "?")


def written(module: Module, call: f.Call) -> str:
    """The callee of a call as the code names it, arguments left out: `db.query(...).first`; "" if too long."""
    text = shown(module, call.func)
    return text if "?" not in text and len(text) <= _LONGEST else ""


def shown(module: Module, expr: f.Expr) -> str:
    """An expression as the code names it, arguments left out; "?" for what is neither a name nor a call."""
    match expr:
        case f.Name(id=name):
            return name
        case f.Attr(value=value, attr=attr):
            return f"{shown(module, value)}.{attr}"
        case f.CallRef(index=index):
            call = module.facts.calls[index]
            return f"{shown(module, call.func)}({'...' if call.args else ''})"
        case f.Sub(value=value):
            return f"{shown(module, value)}[...]"
        case f.Await(value=value):
            return f"(await {shown(module, value)})"
    return "?"
