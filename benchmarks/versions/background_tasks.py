"""Prints, for the FastAPI installed beside it, when the code after `yield` runs; see benchmarks/versions.md.

pip install "fastapi==VERSION" httpx && python benchmarks/versions/background_tasks.py
"""
# ruff: noqa

import asyncio, sys, warnings, importlib.metadata as md
from contextlib import asynccontextmanager

warnings.simplefilter("ignore")
import fastapi, starlette
from fastapi import FastAPI, Depends, BackgroundTasks, APIRouter, WebSocket
from fastapi.testclient import TestClient
from fastapi.responses import StreamingResponse, JSONResponse
from starlette.background import BackgroundTask

log = []


def dep():
    log.append("open")
    try:
        yield "s"
    finally:
        log.append("exit")


async def adep():
    log.append("open")
    yield "s"
    log.append("exit")


def task(s):
    log.append("task")


async def atask(s):
    log.append("task")


class Mark:
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        async def s(m):
            if m["type"] == "http.response.start":
                log.append("head")
            if m["type"] == "http.response.body" and not m.get("more_body"):
                log.append("sent")
            await send(m)

        await self.app(scope, receive, s)


app = FastAPI()


@app.get("/sync")
def a(bt: BackgroundTasks, s=Depends(dep)):
    bt.add_task(task, s)
    return 1


@app.get("/async")
async def b(bt: BackgroundTasks, s=Depends(adep)):
    bt.add_task(atask, s)
    return 1


@app.get("/response")
async def c(s=Depends(adep)):
    return JSONResponse(1, background=BackgroundTask(atask, s))


@app.get("/create")
async def d(s=Depends(adep)):
    async def late():
        await asyncio.sleep(0.05)
        log.append("task")

    app.state.t = asyncio.create_task(late())
    return 1


def sub(s=Depends(adep)):
    return s


@app.get("/nested")
async def n(bt: BackgroundTasks, s=Depends(sub)):
    bt.add_task(atask, s)
    return 1


paths = ["/sync", "/async", "/response", "/nested", "/create"]
try:

    @app.get("/function-scope")
    async def e(bt: BackgroundTasks, s=Depends(adep, scope="function")):
        bt.add_task(atask, s)
        return 1

    paths.append("/function-scope")
except TypeError as x:
    print("   scope: ", x)
mw = Mark(app)
with TestClient(mw) as client:
    print("fastapi", fastapi.__version__, "starlette", md.version("starlette"))
    for p in paths:
        log.clear()
        client.get(p)
        client.portal.call(asyncio.sleep, 0.15)
        print("  ", p.ljust(16), " ".join(log))


def events(make):
    log.clear()
    try:
        app = make()
        with TestClient(app):
            pass
        return " ".join(log) or "(nothing runs)"
    except Exception as x:
        return f"{type(x).__name__}: {x}"


@asynccontextmanager
async def life(app):
    log.append("lifespan")
    yield


def ev(name):
    return lambda: log.append(name)


def both():
    app = FastAPI(lifespan=life)
    app.on_event("startup")(ev("app.startup"))
    return app


def router_event():
    app = FastAPI()
    r = APIRouter()
    r.on_event("startup")(ev("router.startup"))
    app.include_router(r)
    return app


def router_both():
    app = FastAPI(lifespan=life)
    r = APIRouter()
    r.on_event("startup")(ev("router.startup"))
    app.include_router(r)
    return app


def arg_both():
    return FastAPI(lifespan=life, on_startup=[ev("on_startup")])


def handler_both():
    app = FastAPI(lifespan=life)
    app.add_event_handler("startup", ev("handler"))
    return app


def router_life_and_app_event():
    app = FastAPI()
    app.on_event("startup")(ev("app.startup"))
    r = APIRouter(lifespan=life)
    app.include_router(r)
    return app


def router_life_and_own_event():
    app = FastAPI()
    r = APIRouter(lifespan=life)
    r.on_event("startup")(ev("router.startup"))
    app.include_router(r)
    return app


def nested_router():
    app = FastAPI()
    r = APIRouter()
    q = APIRouter()
    q.on_event("startup")(ev("inner.startup"))
    r.include_router(q)
    app.include_router(r)
    return app


def late_event():
    app = FastAPI()
    r = APIRouter()
    app.include_router(r)
    r.on_event("startup")(ev("late router.startup"))
    return app


def order():
    app = FastAPI(on_startup=[ev("arg")])
    app.on_event("startup")(ev("dec"))
    return app


for f in (
    both,
    router_event,
    router_both,
    arg_both,
    handler_both,
    router_life_and_app_event,
    router_life_and_own_event,
    nested_router,
    late_event,
    order,
):
    print("   event", f.__name__.ljust(28), events(f))


# websockets
def ws(handler):
    app = FastAPI()
    app.websocket("/ws")(handler)
    try:
        with TestClient(app) as c, c.websocket_connect("/ws") as w:
            return "connected"
    except BaseException as x:
        return f"{type(x).__name__}: {x}"


async def w_send(websocket: WebSocket):
    await websocket.send_text("x")


async def w_recv(websocket: WebSocket):
    await websocket.receive_text()


async def w_close(websocket: WebSocket):
    await websocket.close()


async def w_raw(websocket: WebSocket):
    m = await websocket.receive()
    await websocket.send_text("x")


async def w_none(websocket: WebSocket):
    return


for f in (w_send, w_recv, w_close, w_raw):
    print("   ws", f.__name__.ljust(10), ws(f))
