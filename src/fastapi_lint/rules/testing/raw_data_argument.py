"""FAPI913: raw bodies that are given to httpx as form data."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from fastapi_lint.finding import Edit, Finding, Fix, Safety
from fastapi_lint.index import facts as f
from fastapi_lint.model import Instance, Module
from fastapi_lint.model.names import External, ModuleObject, Partial
from fastapi_lint.model.types import Where
from fastapi_lint.rule import Check, rule

_CLIENTS = (
    "fastapi.testclient.TestClient", "httpx.Client", "httpx.AsyncClient", "httpx2.Client", "httpx2.AsyncClient",
)  # fmt: skip
_FUNCTIONS = frozenset({"httpx.post", "httpx.put", "httpx.patch", "httpx.request", "httpx.stream"})
_METHODS = frozenset({"post", "put", "patch", "request", "stream", "build_request"})

_TEXTS = {
    "json.dumps": "a JSON text",
    "bytes": "bytes",
    "bytearray": "bytes",
    "memoryview": "bytes",
    "urllib.parse.urlencode": "text",
    "pathlib.Path.read_bytes": "bytes",
    "pathlib.Path.read_text": "text",
}
"""What functions give that make a raw body."""


@rule("FAPI913", fix=Safety.SAFE, since="0.2.0")
def raw_data_argument(module: Module, check: Check) -> Iterator[Finding]:
    """A request gives bytes or text as `data=`, which is for forms.

    Why is this bad?
    httpx takes raw bodies as `content=`; as `data=` they are deprecated, and warn. A JSON text that is sent this way
    has no content type, and FastAPI answers 422 since 0.132.

    Known limits
    The client has to be known as one of httpx, or TestClient. With `requests`, `data=` is right.

    References
    - [httpx: compatibility with requests](https://www.python-httpx.org/compatibility/#request-content)
    - [FastAPI release notes: 0.132](https://fastapi.tiangolo.com/release-notes/#01320-2026-02-23)
    """
    for call in module.facts.calls:
        given = f.keyword(call, "data")
        asked = _asked(call, module, check) if given is not None else None
        if given is None or asked is None:
            continue
        func, where = asked
        owner = check.project.infer(func.value, *where)
        is_httpx = check.project.types.is_instance(owner, *_CLIENTS) or (
            isinstance(owner, (External, ModuleObject)) and check.project.name(func, *where) in _FUNCTIONS
        )
        what = _raw(given.value, module, call, check) if is_httpx else None
        if what is None:
            continue
        is_json = what == "a JSON text"
        yield check.finding(
            given,
            f"`{func.attr}` gets {what} as `data=`",
            why="that is for forms; raw bodies there are deprecated"
            + (", and it is sent without its content type" if is_json else ""),
            instead="pass the value as `json=`" if is_json else "write `content=`",
            fix=None if is_json or f.keyword(call, "content") else partial(_fix, module, given),
        )


def _asked(call: f.Call, module: Module, check: Check) -> tuple[f.Attr, Where] | None:
    """The method that sends a request, where it is named: in the call, or in a `partial` that the call completes."""
    func, where = call.func, (module, call.block, call.start)
    if isinstance(func, f.Name):
        callee = check.project.callee(module, call)
        if not isinstance(callee, Partial) or callee.made is None or not callee.made.facts.args:
            return None
        func, where = callee.made.facts.args[0].value, (callee.made.module, callee.made.facts.block, callee.made.start)
    return (func, where) if isinstance(func, f.Attr) and func.attr in _METHODS else None


def _raw(value: f.Expr, module: Module, call: f.Call, check: Check) -> str | None:
    """What kind of raw body a value is; None for forms and what is not known."""
    if isinstance(value, f.CallRef):
        name = check.project.called_name(module, module.facts.calls[value.index])
        if name in _TEXTS:
            return _TEXTS[name]
        match module.facts.calls[value.index].func:
            case f.Attr(value=f.Raw(kind="bytes"), attr="join"):
                return "bytes"
            case f.Attr(value=f.Const(value=str()), attr="join" | "format"):
                return "text"
    match value:
        case f.Const(value=str()) | f.Joined():
            return "text"
        case f.Raw(kind="bytes"):
            return "bytes"
        case f.Const():
            return None
        case f.Binary(op="+" | "*" | "%", left=left, right=right):
            what = _raw(left, module, call, check) or (_raw(right, module, call, check) if value.op != "%" else None)
            return "text" if what == "a JSON text" else what
    if isinstance(value, f.Name):
        made = list(check.project.values.definitions(value, (module, call.block, call.start)))
        if len(made) == 1 and isinstance(made[0][0], f.CallRef):
            home, made_by = made[0][1][0], made[0][0]
            text = _TEXTS.get(check.project.called_name(home, home.facts.calls[made_by.index]) or "")
            if text is not None:  # a JSON text in a variable may be sent with a header that says so
                return "text" if text == "a JSON text" else text
    found = check.project.infer(value, module, call.block, call.start)
    if isinstance(found, Instance) and found.cls in ("str", "bytes", "bytearray"):
        return "text" if found.cls == "str" else "bytes"
    return None


def _fix(module: Module, given: f.Arg) -> Fix:
    place = module.source.span(given.start, given.start + len("data"))
    return Fix("Write content=", Safety.SAFE, (Edit(place, "content"),))
