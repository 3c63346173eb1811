"""Prints what the FastAPI installed beside it makes of names that are imported for type checkers only.

pip install "fastapi==VERSION" httpx && python benchmarks/versions/type_checking.py
"""
# ruff: noqa

import sys, tempfile, types, traceback, importlib.util, pathlib, warnings

warnings.simplefilter("ignore")
import fastapi, pydantic
from fastapi.testclient import TestClient

root = pathlib.Path(tempfile.mkdtemp())
sys.path.insert(0, str(root))
(root / "lib.py").write_text(
    "from pydantic import BaseModel\nclass Item(BaseModel):\n    name: str\nclass Session:\n    pass\n"
)
HEAD = "{future}from typing import TYPE_CHECKING, Annotated, Optional\nfrom fastapi import FastAPI, Depends, Query, Body\nfrom fastapi import APIRouter\nfrom pydantic import BaseModel\nif TYPE_CHECKING:\n    from fastapi import Request, Response, BackgroundTasks\n    from lib import Item, Session\n    from datetime import datetime\n    from uuid import UUID\nelse:\n    pass\napp = FastAPI()\n"
F = "from __future__ import annotations\n"
cases = {
    "special-request": ("def read(request: Request):\n    return str(request.url.path)", "get", {}),
    "special-background": (
        "def read(tasks: BackgroundTasks):\n    tasks.add_task(print, end='')\n    return 1",
        "get",
        {},
    ),
    "plain-query-type": (
        "def read(at: UUID):\n    return type(at).__name__",
        "get",
        {"params": {"at": "12345678123456781234567812345678"}},
    ),
    "query-default": (
        "def read(at: UUID = Query()):\n    return type(at).__name__",
        "get",
        {"params": {"at": "12345678123456781234567812345678"}},
    ),
    "annotated-query": (
        "def read(at: Annotated[UUID, Query()]):\n    return type(at).__name__",
        "get",
        {"params": {"at": "12345678123456781234567812345678"}},
    ),
    "body-model": ("def read(item: Item):\n    return item.name", "post", {"json": {"name": "a"}}),
    "annotated-body": (
        "def read(item: Annotated[Item, Body()]):\n    return item.name",
        "post",
        {"json": {"name": "a"}},
    ),
    "depends-default": ("def read(db: Session = Depends(lambda: 1)):\n    return db", "get", {}),
    "annotated-depends": ("def read(db: Annotated[Session, Depends(make)]):\n    return db", "get", {}),
    "optional-annotated-depends": (
        "def read(db: Annotated[Optional[Session], Depends(make)]):\n    return db",
        "get",
        {},
    ),
    "one-bad-one-good": (
        "def read(q: int, db: Annotated[Session, Depends(make)]):\n    return q + db",
        "get",
        {"params": {"q": "4"}},
    ),
    "one-bad-body-good": (
        "def read(here: Here, db: Annotated[Session, Depends(make)]):\n    return here.name",
        "post",
        {"json": {"name": "a"}},
    ),
    "annotated-depends-own": ("def read(db: Annotated[Session, Depends()]):\n    return db", "get", {}),
    "return": ("def read() -> Item:\n    return {'name': 'a'}", "get", {}),
    "return-response": (
        "def read() -> Response:\n    from fastapi import Response\n    return Response('1')",
        "get",
        {},
    ),
    "return-none-model": ("def read() -> Item:\n    return {'name': 'a'}", "get", {}, "response_model=None"),
    "return-other-model": ("def read() -> Item:\n    return {'name': 'a'}", "get", {}, "response_model=dict"),
    "sub-dependency-parameter": (
        "def sub(request: Request):\n    return 1\ndef read(x: Annotated[int, Depends(sub)]):\n    return x",
        "get",
        {},
    ),
    "sub-dependency-return": (
        "def sub() -> Session:\n    return 1\ndef read(x: Annotated[int, Depends(sub)]):\n    return x",
        "get",
        {},
    ),
    "sub-annotated-depends": (
        "def sub(db: Annotated[Session, Depends(make)]):\n    return 1\ndef read(x: Annotated[int, Depends(sub)]):\n    return x",
        "get",
        {},
    ),
    "class-dependency": (
        "class Sub:\n    def __init__(self, at: UUID):\n        self.at = at\ndef read(x: Annotated[Sub, Depends()]):\n    return 1",
        "get",
        {"params": {"at": "12345678123456781234567812345678"}},
    ),
    "class-dependency-depends": (
        "class Sub:\n    def __init__(self, db: Annotated[Session, Depends(make)]):\n        self.db = db\ndef read(x: Annotated[Sub, Depends()]):\n    return 1",
        "get",
        {},
    ),
    "field": (
        "class Event(BaseModel):\n    at: datetime\ndef read(event: Event):\n    return event.at.year",
        "post",
        {"json": {"at": "2020-01-01T00:00:00"}},
    ),
    "field-return-only": (
        "class Event(BaseModel):\n    at: datetime\n@app.get('/other')\ndef other() -> Event:\n    return None\ndef read():\n    return 1",
        "get",
        {},
    ),
    "local-model": None,
}


def run(label, future, quoted):
    case = cases[label]
    body, method, kw, *extra = case
    src = HEAD.format(future=F if future else "") + "def make():\n    return 1\nclass Here(BaseModel):\n    name: str\n"
    deco = f"@app.{method}('/x'{', ' + extra[0] if extra else ''})\n"
    i = body.rindex("def read")
    src += body[:i] + deco + body[i:]
    if quoted:
        for n in ("Request", "Response", "BackgroundTasks", "Item", "Session", "datetime", "UUID"):
            import re

            src = re.sub(r"((?:: |-> )(?:Annotated\[|Annotated\[Optional\[)?)%s\b(?![\.(])" % n, r"\1'%s'" % n, src)
    ns = {"__name__": "case_" + label.replace("-", "_")}
    m = types.ModuleType(ns["__name__"])
    sys.modules[ns["__name__"]] = m
    try:
        exec(compile(src, label, "exec", dont_inherit=True), m.__dict__)
    except Exception as e:
        return f"import: {type(e).__name__}"
    try:
        c = TestClient(m.app, raise_server_exceptions=False)
        r = getattr(c, method)("/x", **kw)
    except Exception as e:
        return f"request: {type(e).__name__}"
    out = f"{r.status_code} {r.text[:30]}" if r.status_code != 200 else f"ok {r.text[:12]}"
    try:
        m.app.openapi()
    except Exception as e:
        out += f"; openapi: {type(e).__name__}"
    return out


print(f"## Python {sys.version.split()[0]} FastAPI {fastapi.__version__} Pydantic {pydantic.VERSION}")
for label in cases:
    if cases[label] is None:
        continue
    print(
        f"{label:28} future: {run(label, True, False):34} quoted: {run(label, False, True):34} plain: {run(label, False, False)}"
    )
