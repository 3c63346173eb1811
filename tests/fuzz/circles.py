"""Projects in which everything may be made of itself: aliases, classes, values, texts, routers, lists, functions.

A few names are defined by each other, each once, in two modules that import each other. What such a program does when
it runs is no matter here; what is asked about it has to come to an end. Asserts nothing itself.
"""

from __future__ import annotations

import re

from hypothesis import strategies as st

HEAD = """\
import contextlib, dataclasses, functools, os, time
from typing import Annotated, Generic, NewType, Optional, TypeAlias, TypedDict, TypeVar, Union
import httpx
import requests
from fastapi import APIRouter, BackgroundTasks, Body, Depends, FastAPI, Header, HTTPException, Query, Request, Security
from fastapi import UploadFile, WebSocket
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from pydantic_settings import BaseSettings
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Mapped, Session, declarative_base, relationship, sessionmaker
from typing_extensions import TypeAliasType

T = TypeVar("T")
"""

# What a template may name: `A` an alias or class, `C` a class, `V` a value, `S` a text, `R` a router, `F` a function,
# `L` a list, `N` anything; `@A` is a whole annotation, `@V` a whole expression, `!` what is defined.
_NAMED = {
    "A": ("A0", "A1", "A2", "C0", "C1"),
    "C": ("C0", "C1", "C2"),
    "V": ("V0", "V1", "V2", "F0", "C0"),
    "S": ("S0", "S1", "S2"),
    "R": ("R0", "R1", "R2"),
    "F": ("F0", "F1", "F2", "F3"),
    "L": ("L0", "L1"),
}
_NAMED["N"] = tuple(dict.fromkeys(name for names in _NAMED.values() for name in names))
_HOLE = re.compile(r"<(@?[A-Z]|!)>")

_ANNOTATIONS = (
    "<A>", "list[<A>]", "dict[str, <A>]", "dict[<A>, <A>]", "tuple[<A>, <A>, <A>]", "<A> | <A>", "<A> | None", "'<A>'",
    "dict[str, <A>] | str", "list[<A>] | <A> | None", "Optional[<A>]", "Union[<A>, list[<A>], None]", "<C>[<A>]",
    "Annotated[<A>, Depends(<F>)]", "Annotated[<A>, <V>]", "Annotated[<A> | str, Query()]", "type[<A>]", "<A>[<A>]",
    "'list[<A>] | dict[str, <A>]'", "Mapped[<A>]", "<C>.<A>", "str", "Session", "NewType('N', <A>)", "tuple[<A>, ...]",
)  # fmt: skip
_VALUES = (
    "<V>", "<V> if <V> else <V>", "<V> or <V>", "<V>.a", "<V>(<V>)", "<F>(<V>)", "<F>()", "<V>[0]", "<V>['a']", "<L>",
    "{**<V>, 'a': <V>}", "(<V>, <V>)", "<V> | <V>", "lambda: <F>()", "functools.partial(<F>, <V>)", "<C>()", "<C>(<V>)",
    "<C>(<V>).b", "Depends(<F>)", "Depends(<C>)", "Security(<F>, scopes=<L>)", "next(<V>)", "await <F>(<V>)", "<R>",
    "{k: <V> for k in <V>}", "[x for x in <L>]", "Query(le=<V>, default=<V>)", "Field(default=<V>, alias=<S>)", "<S>",
    "os.getenv(<S>, <S>)", "sessionmaker(bind=<V>, class_=<C>)", "httpx.AsyncClient(base_url=<S>)", "<V>.b(<V>).c",
    "requests.get(<S>)", "<V>.get(<V>)", "contextlib.closing(<V>)", "create_engine(<S>)", "functools.lru_cache(<F>)",
)  # fmt: skip
_ALIASES = (
    "type <A> = <@A>\n", "type <A> = dict[str, <A>] | str\n", "type <A>[T] = list[<A>[T]] | T | <@A>\n",
    "<A>: TypeAlias = '<A> | list[<A>]'\n", "<A>: TypeAlias = <@A>\n", "<A> = <@A>\n",
    "<A> = Union[<@A>, list['<A>']]\n",
    "<A> = TypeAliasType('A', 'dict[str, <A>] | <A>')\n", "<A> = NewType('A', <A>)\n", "<A> = Annotated[<@A>, <V>]\n",
    "<A> = TypedDict('A', {'a': <@A>, 'b': '<A>'})\n", "<A> = TypeVar('A', bound=<@A>)\n",
)  # fmt: skip
_CLASSES = (
    "class <C>(BaseModel):\n    x: <@A>\n    y: <@A> | None\n    z: <@A> = Field(default=<V>, alias=<S>)\n"
    "    password: <@A> = <V>\n    model_config = <V>\n",
    "class <C>(<C>):\n    x: <@A>\n    y: list['<C>'] | None\n    class Config(<C>): x = <V>\n",
    "class <C>(BaseModel, Generic[T]):\n    x: T\n    y: list[T] | <@A>\n    z: '<C>[<C>[T]] | None'\n",
    "class <C>[T](<C>[T]):\n    x: T | <@A>\n    def f(self) -> <@A>: return self.f(<@V>)\n",
    "class <C>(<C>, <C>):\n    a = <@V>\n    def __init__(self, a: <@A> = <@V>):\n        self.b = a.b or <@V>\n"
    "        self.c = self.b.c\n        self.d = self.d\n    def __call__(self, a: <@A>) -> <@A>: return self.b(self)\n"
    "    def __iter__(self): return self.b\n    def __enter__(self): return <@V>\n    @property\n"
    "    def e(self): return self.e.e + self.c.e\n    def f(self): return self.f().f() or <@V>\n",
    "class <C>(declarative_base()):\n    __tablename__ = <S>\n    a: Mapped[<@A>] = relationship(<C>)\n"
    "    b = relationship('<C>')\n    c = relationship(lambda: <C>)\n",
    "@dataclasses.dataclass\nclass <C>:\n    x: <@A> = <@V>\n    y: '<C> | None' = None\n",
    "class <C>(BaseSettings):\n    x: <@A> = <@V>\n    SECRET_KEY: str = <S>\n", "<C> = <C>\n",
    "class <C>(APIRouter): pass\n",
    "class <C>(TypedDict):\n    a: <@A>\n    b: '<C>'\n", "class <C>(APIRouter):\n    def __init__(self, prefix=<S>):\n"
    "        super().__init__(prefix=<S> + prefix, dependencies=<L>)\n        self.include_router(<R>)\n"
    "        <F>(self)\n",
)  # fmt: skip
_TEXTS = (
    "<S> = <S> + '/x'\n", "<S> = f'{<S>}{<S>}'\n", "<S> = '/a' + <S>\n", "<S> = <V>.a\n", "<S> = '%s' % <S>\n",
    "<S> = ''.join([<S>, <S>])\n", "<S> = '{}'.format(<S>)\n", "<S> = <S> if <V> else '/b'\n", "<S> = str(<S>)\n",
    "<S> = os.getenv('X', <S>)\n", "<S> = '/c'\n<S> += <S>\n", "<S> = <F>(<S>)\n",
)  # fmt: skip
_ROUTERS = (
    "<R> = APIRouter(prefix=<S>, dependencies=[Depends(<F>), *<L>])\n",
    "<R> = FastAPI(dependencies=<L>, lifespan=<F>)\n",
    "<R> = APIRouter(dependencies=<L>, route_class=<C>)\n", "<R> = <F>()\n", "<R> = <C>(prefix=<S>)\n", "<R> = <R>\n",
    "<R> = <C>().b\n", "<R> = APIRouter(prefix=<S>, dependencies=<L> + <L>)\n", "<R> = <F>(<R>)\n",
)  # fmt: skip
_LISTS = (
    "<L> = [Depends(<F>), *<L>]\n", "<L> = <L> + [<V>]\n", "<L> = [<R>, <R>]\n", "<L> = [*<L>, *<L>]\n",
    "<L> = <L> or <L>\n",
    "<L> = []\n<L>.append(Depends(<F>))\n<L>.extend(<L>)\n", "<L> = [(<R>, <S>), (<R>, <S>)]\n", "<L> = <F>()\n",
)  # fmt: skip
_FUNCTIONS = (
    "def <F>(x=<V>):\n    y = <@V>\n    async def inner():\n        nonlocal y\n        y = [y[0][-1], <V>]\n"
    "        y[0].strip(<V>)\n    return inner() or y[0]\n",
    "def <F>(x=<V>):\n    global V0\n    V0 = {'a': V0['a'], **x}\n    V0['a'].b(<V>)\n    return V0['a']\n",
    "def <F>(x: <@A> = <@V>, y=Depends(<F>)) -> <@A>:\n    <V> = <@V>\n    return <@V>\n",
    "def <F>(x=<V>, y=<F>):\n    time.sleep(1)\n    requests.post(<S>)\n    return <F>(x, <F>(y))\n",
    "async def <F>(x: <@A> = Depends(<F>), y: <@A> = <@V>):\n    with <F>() as a, a as b, <V> as c:\n"
    "        for d in c:\n            yield await <F>(d)\n",
    "async def <F>(request: Request, x: <@A>) -> <@A>:\n    for a in <F>(a):\n        await <F>(x)\n    return <F>\n",
    "@<F>\n@<F>(<V>)\ndef <!>(x: <@A>):\n    yield from <F>(x)\n    return <F>\n",
    "@contextlib.contextmanager\ndef <F>(x=<V>):\n    with <F>() as y:\n        yield y\n",
    "<F> = functools.partial(<F>, <V>)\n",
    "def <F>(f):\n    @functools.wraps(f)\n    async def inner(*a, **k): return await <F>(f)(inner)\n"
    "    return inner\n",
    "@<F>(<F>)\ndef <!>(f):\n    def inner(g):\n        @<F>\n        @inner\n        def last(): return <F>(last)\n"
    "        return last\n    return inner\n", "<F> = lambda x=<V>: <F>(x)\n",
    "def <F>(a=<V>): return Depends(<F>(a))\n",
    "def <F>(a):\n    a.include_router(<R>, prefix=<S>)\n    <F>(a)\n    <F>(<R>)\n    return a\n", "<F> = <F>\n",
    "def <F>(a=<R>):\n    for b in <L>:\n        a.include_router(b)\n"
    "        a.add_api_route(<S>, <F>, dependencies=<L>)\n"
    "    return <F>(a)\n",
    "def <F>(session: Session, x: str):\n    q = 'select ' + <S> + x\n    while x:\n        q = q + x + q\n"
    "    session.execute(text(q))\n    session.add(<C>(<V>))\n    session.commit()\n    return <F>(session, q)\n",
    "def <F>(a: str, file: UploadFile):\n    a = a + <S>\n    b = a\n    a = b\n    open(a + file.filename + <F>(b))\n"
    "    return <F>(a, file)\n",
)  # fmt: skip
_USES = (
    "@<R>.get(<S> + '/{x}', response_model=<@A>, status_code=<V>, dependencies=<L>)\nasync def g<N>(\n"
    "    x: <@A> = <@V>, y: <@A> = 1, z=Depends(<F>)\n) -> <@A>:\n    requests.get(<S>)\n    <F>(<V>)\n"
    "    return <F>(x)\n",
    "@<R>.post(<S>, response_model=list[<@A>])\ndef p<N>(a: <@A>, x: <@A>, limit: int, tasks: BackgroundTasks):\n"
    "    tasks.add_task(<F>, <V>)\n    try:\n        <F>(x)\n    except Exception as e:\n"
    "        raise HTTPException(400, detail=str(e) + <S>)\n    return JSONResponse(<@V>)\n",
    "@<R>.websocket(<S>)\nasync def w<N>(socket: WebSocket, a: <@A>):\n    await <F>(socket)\n",
    "<R>.include_router(<R>, prefix=<S>, dependencies=<L>)\n", "<R>.include_router(<R>)\n", "<R>.mount(<S>, <R>)\n",
    "for r in <L>:\n    <R>.include_router(r, prefix=<S>)\n", "for r, s in <L>:\n    <R>.include_router(r, prefix=s)\n",
    "<R>.add_api_route(<S>, <F>, methods=<L>, dependencies=<L>)\n", "<R>.middleware('http')(<F>)\n", "<F>(<R>)\n",
    "<R>.add_middleware(CORSMiddleware, allow_origins=<L>, allow_credentials=<V>)\n", "<C>.a = <@V>\n",
    "<V>.b = <@V>\n",
    "<R>.dependency_overrides[<F>] = <F>\n", "<R>.router = <R>\n", "<R>.on_event('startup')(<F>)\n", "<N>(<N>)\n",
    "<R>.exception_handler(<C>)(<F>)\n", "from other import <N>\n", "from main import <N> as <N>\n", "<N> = <N>\n",
)  # fmt: skip
_DEFINITIONS = {
    "A": _ALIASES, "C": _CLASSES, "V": tuple(f"<V> = {value}\n" for value in _VALUES), "S": _TEXTS, "R": _ROUTERS,
    "F": _FUNCTIONS, "L": _LISTS,
}  # fmt: skip


def _filled(draw: st.DrawFn, template: str, name: str = "") -> str:
    """A template with names; `name` is what it defines: `!`, or else the first of them."""
    if name and "<!>" in template:
        template, name = template.replace("<!>", name), ""
    first = name

    def one(hole: re.Match[str]) -> str:
        nonlocal first
        if first:
            found, first = first, ""
            return found
        match hole[1]:
            case "@A":
                return _filled(draw, draw(st.sampled_from(_ANNOTATIONS)))
            case "@V":
                return _filled(draw, draw(st.sampled_from(_VALUES)))
        return draw(st.sampled_from(_NAMED[hole[1]]))

    return _HOLE.sub(one, template)


@st.composite
def _circles(draw: st.DrawFn) -> dict[str, bytes]:
    texts: dict[str, list[str]] = {"main.py": [], "other.py": []}
    for kind, templates in _DEFINITIONS.items():
        for name in _NAMED[kind]:
            if name[0] == kind:
                place = draw(st.sampled_from(("main.py", "other.py")))
                texts[place].append(_filled(draw, draw(st.sampled_from(templates)), name))
    for _ in range(draw(st.integers(2, 8))):
        texts[draw(st.sampled_from(("main.py", "other.py")))].append(_filled(draw, draw(st.sampled_from(_USES))))
    files = {}
    for path, other in (("main.py", "other"), ("other.py", "main")):
        order = draw(st.permutations(texts[path])) if draw(st.booleans()) else texts[path]
        imports = f"from {other} import *\n" if draw(st.booleans()) else f"import {other}\nfrom {other} import R0, F0\n"
        files[path] = (HEAD + imports + "".join(order)).encode()
    return files


circles = _circles()
"""Small projects whose names stand for each other."""
