"""What running a function does: blocking calls as people really write them, and look-alikes that do not block."""

from __future__ import annotations

import pytest
from model.projects import function, project

from fastapi_lint.model.names.symbols import Function
from fastapi_lint.model.project import Project


def found(of: Project, name: str) -> list[str]:
    """What holds up the loop in a function: `call` for its own calls, `call > ... > call` for chains, in order."""
    of_function = function(of, name)
    effects = of.effects
    direct = [(step.start, step.shown) for step, _ in effects.blocking(of_function)]
    chains = [
        (trail.steps[0].start, " > ".join(step.shown for step in trail.steps)) for trail in effects.chains(of_function)
    ]
    return [text for _, text in sorted(direct + chains)]


HEAD = "from fastapi import FastAPI\napp = FastAPI()\n"


def planted(body: str, **others: str) -> Project:
    """A project whose module `main` has an application and the text, next to other modules."""
    return project(main=HEAD + body, **others)


DIRECT = {
    "alias of a module": (
        "import requests as http\nasync def f(url): return http.get(url).json()",
        ["http.get"],
    ),
    "import inside the function": (
        "async def f():\n    from time import sleep as nap\n    nap(3)",
        ["nap"],
    ),
    "name bound to a function": (
        "import requests\nfetch = requests.get\nasync def f(url): return fetch(url)",
        ["fetch"],
    ),
    "attribute with an annotation": (
        "import redis\nclass Service:\n    cache: redis.Redis\n    async def f(self): return self.cache.get('a')\n",
        ["self.cache.get"],
    ),
    "attribute of an attribute": (
        "import redis\n"
        "class Store:\n"
        "    def __init__(self): self.cache = redis.Redis.from_url('redis://')\n"
        "class Service:\n"
        "    def __init__(self, store: Store): self.store = store\n"
        "    async def f(self): self.store.cache.set('a', 'b')\n",
        ["self.store.cache.set"],
    ),
    "client of a cloud SDK made by a session": (
        "import boto3\n"
        "session = boto3.Session()\n"
        "s3 = session.client('s3')\n"
        "async def f(data): s3.upload_fileobj(data, 'bucket', 'key')",
        ["s3.upload_fileobj"],
    ),
    "resource of a cloud SDK": (
        "import boto3\n"
        "table = boto3.resource('dynamodb').Table('orders')\n"
        "async def f(key): return table.get_item(Key={'id': key})",
        ["table.get_item"],
    ),
    "client known by the types of a stub package": (
        "from typing import TYPE_CHECKING\n"
        "from storage import client\n"
        "if TYPE_CHECKING:\n"
        "    from mypy_boto3_s3.client import S3Client\n"
        "class Service:\n"
        "    def __init__(self, client: 'S3Client' = client): self.client = client\n"
        "    async def f(self): self.client.put_object(Bucket='a', Key='b')\n",
        ["self.client.put_object"],
    ),
    "value of a dict of clients": (
        "import redis\nclients: dict[str, redis.Redis] = {}\nasync def f(name): return clients[name].get('a')",
        ["clients[...].get"],
    ),
    "value of a dict display": (
        "import httpx\n"
        "clients = {'a': httpx.Client(), 'b': httpx.Client()}\n"
        "async def f(name): return clients[name].get('/a')",
        ["clients[...].get"],
    ),
    "loop over clients": (
        "import redis\n"
        "async def f(all_of_them: list[redis.Redis]):\n"
        "    for each in all_of_them:\n"
        "        each.ping()\n",
        ["each.ping"],
    ),
    "walrus": (
        "import subprocess\nasync def f():\n    if (process := subprocess.Popen(['ls'])):\n        process.wait()\n",
        ["subprocess.Popen", "process.wait"],
    ),
    "with as": (
        "import smtplib\n"
        "async def f(message):\n"
        "    with smtplib.SMTP('localhost') as server:\n"
        "        server.send_message(message)\n",
        ["smtplib.SMTP", "smtplib.SMTP(...)", "server.send_message"],
    ),
    "with over a client of httpx": (
        "import httpx\nasync def f(url):\n    with httpx.Client() as client:\n        return client.get(url)\n",
        ["client.get"],
    ),
    "comprehension": (
        "import requests\nasync def f(urls): return [requests.get(url) for url in urls]",
        ["requests.get"],
    ),
    "default for a client that may be missing": (
        "import requests\n"
        "async def f(url, session: requests.Session | None = None):\n"
        "    session = session or requests.Session()\n"
        "    return session.get(url)\n",
        ["session.get"],
    ),
    "dependency in Annotated": (
        "import redis\n"
        "from typing import Annotated\n"
        "from fastapi import Depends\n"
        "def get_cache():\n"
        "    client = redis.Redis()\n"
        "    try:\n"
        "        yield client\n"
        "    finally:\n"
        "        client.close()\n"
        "@app.get('/')\n"
        "async def f(cache: Annotated[redis.Redis, Depends(get_cache)]): return cache.get('a')\n",
        ["cache.get"],
    ),
    "dependency without an annotation": (
        "import redis\n"
        "from fastapi import Depends\n"
        "def get_cache() -> redis.Redis: return redis.Redis()\n"
        "@app.get('/')\n"
        "async def f(cache=Depends(get_cache)): return cache.get('a')\n",
        ["cache.get"],
    ),
    "subclass of a library's class": (
        "import requests\n"
        "class Api(requests.Session):\n"
        "    pass\n"
        "async def f(): return Api().post('https://example.com')\n",
        ["Api().post"],
    ),
    "state of the application is unknown": (
        "@app.get('/')\nasync def f(request): return request.app.state.cache.get('a')",
        [],
    ),
}


@pytest.mark.parametrize("name", DIRECT)
def test_calls_that_block_where_they_stand(name: str) -> None:
    text, expected = DIRECT[name]
    of = planted(text)
    assert found(of, "Service.f" if "class Service" in text else "f") == expected


CHAINS = {
    "re-export": (
        "from services import fetch\nasync def f(): return fetch('a')",
        {
            "services": "from remote import *\nfrom remote import download as fetch",
            "remote": "import requests\ndef download(url): return requests.get(url)",
        },
        ["fetch > requests.get"],
    ),
    "decorated helper": (
        "import functools, requests\n"
        "def logged(function):\n"
        "    @functools.wraps(function)\n"
        "    def wrapper(*args, **kwargs):\n"
        "        print('called')\n"
        "        return function(*args, **kwargs)\n"
        "    return wrapper\n"
        "@logged\n"
        "def fetch(url): return requests.get(url)\n"
        "async def f(): return fetch('a')\n",
        {},
        ["fetch > requests.get"],
    ),
    "retried helper": (
        "import requests\n"
        "from tenacity import retry, stop_after_attempt\n"
        "@retry(stop=stop_after_attempt(3))\n"
        "def fetch(url): return requests.get(url)\n"
        "async def f(): return fetch('a')\n",
        {},
        ["fetch > requests.get"],
    ),
    "static and class methods": (
        "import requests\n"
        "class Api:\n"
        "    @staticmethod\n"
        "    def one(): return requests.get('a')\n"
        "    @classmethod\n"
        "    def two(cls): return cls.one()\n"
        "async def f():\n"
        "    Api.one()\n"
        "    Api.two()\n",
        {},
        ["Api.one > requests.get", "Api.two > cls.one > requests.get"],
    ),
    "method of a base class": (
        "from services import Orders\norders = Orders()\nasync def f(): return orders.load(1)",
        {
            "services": "from storage import Storage\nclass Orders(Storage):\n"
            "    def load(self, key): return super().load(key)",
            "storage": "import redis\nclass Storage:\n    def __init__(self): self.client = redis.Redis()\n"
            "    def load(self, key): return self.client.get(key)",
        },
        ["orders.load > super().load > self.client.get"],
    ),
    "object that a function gives": (
        "import requests\n"
        "class Api:\n"
        "    def fetch(self): return requests.get('a')\n"
        "def get_api(): return Api()\n"
        "async def f(): return get_api().fetch()\n",
        {},
        ["get_api().fetch > requests.get"],
    ),
    "settings that say something about a cache": (
        "import requests\n"
        "def fetch(url, cache_key=''): return requests.get(url)\n"
        "def stored(url, use_cache=True): return kept(url, use_cache) or requests.get(url)\n"
        "async def f():\n"
        "    fetch('a', cache_key='a')\n"
        "    stored('a', use_cache=False)\n"
        "    stored('a', use_cache=True)\n",
        {},
        ["fetch > requests.get", "stored > requests.get"],
    ),
    "attribute that nobody fills": (
        "import requests\n"
        "class Api:\n"
        "    def __init__(self, offline=None): self._offline = offline\n"
        "    def fetch(self):\n"
        "        if self._offline is None:\n"
        "            return requests.get('a')\n"
        "    def early(self):\n"
        "        if self._offline:\n"
        "            return self._offline\n"
        "        return requests.get('a')\n"
        "async def f(api: Api):\n"
        "    api.fetch()\n"
        "    api.early()\n",
        {},
        ["api.fetch > requests.get", "api.early > requests.get"],
    ),
    "nothing to do while it runs": (
        "import requests\n"
        "class Api:\n"
        "    def start(self): self._running = True\n"
        "    def fetch(self):\n"
        "        if self._running:\n"
        "            return\n"
        "        requests.get('a')\n"
        "async def f(api: Api): api.fetch()\n",
        {},
        ["api.fetch > requests.get"],
    ),
    "result that returns early": (
        "import requests\n"
        "def fetch(order):\n"
        "    if order.error: return order.error\n"
        "    return requests.get('a')\n"
        "async def f(order): return fetch(order)\n",
        {},
        ["fetch > requests.get"],
    ),
    "flag that is switched on": (
        "import time\n"
        "def report(wait=False):\n"
        "    if wait:\n"
        "        time.sleep(1)\n"
        "async def f():\n"
        "    report()\n"
        "    report(wait=True)\n"
        "    report(True)\n",
        {},
        ["report > time.sleep", "report > time.sleep"],
    ),
    "flag that is switched off": (
        "import time\n"
        "def report(wait=True):\n"
        "    if wait:\n"
        "        time.sleep(1)\n"
        "async def f():\n"
        "    report(wait=False)\n"
        "    report(False)\n"
        "    report()\n",
        {},
        ["report > time.sleep"],
    ),
}


@pytest.mark.parametrize("name", CHAINS)
def test_calls_that_block_further_down(name: str) -> None:
    text, others, expected = CHAINS[name]
    assert found(planted(text, **others), "f") == expected


QUIET = {
    "async clients": (
        "import httpx, redis.asyncio as redis\n"
        "cache = redis.Redis()\n"
        "async def f(url):\n"
        "    async with httpx.AsyncClient() as client:\n"
        "        await client.get(url)\n"
        "    async with cache.pipeline() as pipe:\n"
        "        pipe.get('a')\n"
        "        await pipe.execute()\n"
    ),
    "an object of the user's own": (
        "class Redis:\n    def get(self, key): return key\nasync def f(redis: Redis): return redis.get('a')\n"
    ),
    "handed to a thread": (
        "import asyncio, requests\n"
        "from functools import partial\n"
        "async def f(url):\n"
        "    await asyncio.to_thread(requests.get, url)\n"
        "    await asyncio.get_running_loop().run_in_executor(None, partial(requests.get, url))\n"
        "    await asyncio.to_thread(lambda: requests.get(url))\n"
    ),
    "function defined and not called": (
        "import time\nasync def f():\n    def later(): time.sleep(1)\n    return later\n"
    ),
    "generator that nobody runs here": (
        "import requests\ndef pages():\n    yield requests.get('a')\nasync def f(): return pages()\n"
    ),
    "below False": "import time\nasync def f(x):\n    if False and x:\n        time.sleep(1)\n",
    "file in memory": (
        "import io, zipfile\n"
        "from PIL import Image\n"
        "async def f(data: bytes):\n"
        "    Image.open(io.BytesIO(data)).verify()\n"
        "    buffer = io.BytesIO(data)\n"
        "    zipfile.ZipFile(buffer)\n"
    ),
    "queue that has just been asked": (
        "from queue import Queue\n"
        "class Stream:\n"
        "    def __init__(self): self.items = Queue()\n"
        "async def f(stream: Stream):\n"
        "    while not stream.items.empty():\n"
        "        stream.items.get()\n"
    ),
    "asks whether a loop runs": (
        "import asyncio, time\n"
        "def wait():\n"
        "    if asyncio.get_running_loop() is not None:\n"
        "        return asyncio.sleep(1)\n"
        "    time.sleep(1)\n"
        "async def f(): await wait()\n"
    ),
    "made once": (
        "import redis, time\n"
        "class Api:\n"
        "    def __init__(self): self._client = None\n"
        "    def client(self):\n"
        "        if self._client is None:\n"
        "            self._connect()\n"
        "        return self._client\n"
        "    def _connect(self):\n"
        "        time.sleep(1)\n"
        "        self._client = 1\n"
        "async def f(api: Api): return api.client()\n"
    ),
    "a bare return once it is there": (
        "import time\n"
        "class Api:\n"
        "    def start(self):\n"
        "        if self._started:\n"
        "            return\n"
        "        time.sleep(1)\n"
        "        self._started = True\n"
        "async def f(api: Api): api.start()\n"
    ),
    "started once, filled by its thread": (
        "import threading, time\n"
        "class Loop:\n"
        "    def __init__(self): self._loop = None\n"
        "    def start(self):\n"
        "        if self._loop is None:\n"
        "            threading.Thread(target=self._work).start()\n"
        "            time.sleep(1)\n"
        "    def _work(self): self._loop = 1\n"
        "_shared = None\n"
        "def shared():\n"
        "    global _shared\n"
        "    if (\n"
        "        _shared is None\n"
        "        or not _shared.running\n"
        "    ):\n"
        "        _shared = Loop()\n"
        "        time.sleep(1)\n"
        "    return _shared\n"
        "async def f(loop: Loop):\n"
        "    loop.start()\n"
        "    shared()\n"
    ),
    "rebound to something else": (
        "import requests\n"
        "async def f(session, offline):\n"
        "    client = requests.Session()\n"
        "    client = session\n"
        "    return client.get('a')\n"
    ),
}


@pytest.mark.parametrize("name", QUIET)
def test_what_does_not_block(name: str) -> None:
    assert found(planted(QUIET[name]), "f") == []


def test_command_lines_hold_up_nobody() -> None:
    of = project(
        app__main=HEAD
        + "from app.cli import colour\nfrom app.work import job, alone\n@app.get('/')\nasync def f(): await job()\n",
        app__cli="import argparse\nfrom app.only import run\nasync def command(): ...\n",
        app__prompts="import typer\nasync def ask(): ...\n",
        app__only="async def run(): ...\n",
        app__work="async def job(): ...\nasync def alone(): ...\n",
        app__serve_cli="from fastapi import FastAPI\napp = FastAPI()\n@app.get('/')\nasync def route(): ...\n",
    )
    names = ("f", "command", "ask", "run", "job", "alone", "route")
    held = [name for name in names if of.effects.holds_up_requests(function(of, name))]
    assert held == ["f", "job", "route"]


def test_jobs_hold_up_nobody() -> None:
    of = planted(
        "import dramatiq, rq\n"
        "from own import own_queue\n"
        "queue = rq.Queue()\n"
        "@dramatiq.actor\n"
        "async def actor(): ...\n"
        "async def part(): ...\n"
        "async def job(): await part()\n"
        "async def both(): ...\n"
        "async def own_job(): ...\n"
        "@app.get('/')\n"
        "async def f():\n"
        "    queue.enqueue(job)\n"
        "    queue.enqueue(both)\n"
        "    own_queue.enqueue(own_job)\n"
        "    await both()\n",
        own="class Queue:\n    def enqueue(self, function): ...\nown_queue = Queue()\n",
    )
    names = ("actor", "part", "job", "both", "own_job", "f")
    assert [name for name in names if of.effects.holds_up_requests(function(of, name))] == ["both", "own_job", "f"]


def test_functions_for_start_up_hold_up_nobody() -> None:
    of = planted(
        "import time\n"
        "from contextlib import asynccontextmanager\n"
        "async def warm_up(): time.sleep(1)\n"
        "@asynccontextmanager\n"
        "async def lock():\n"
        "    yield\n"
        "@asynccontextmanager\n"
        "async def lifespan(app):\n"
        "    async with lock(): await warm_up()\n"
        "    yield\n"
        "@app.get('/')\n"
        "async def f(): time.sleep(1)\n"
        "served = FastAPI(lifespan=lifespan)\n"
    )

    def holds(name: str) -> bool:
        one: Function = function(of, name)
        return of.effects.holds_up_requests(one)

    assert [name for name in ("warm_up", "lock", "lifespan", "f") if holds(name)] == ["f"]


BY_OTHERS = {
    "list of hooks": (
        "async def f(): ...\nHOOKS = [f]\nasync def lifespan(app):\n    for hook in HOOKS: await hook()\n    yield\n",
        False,
    ),
    "list of hooks that a route goes through": (
        "async def f(): ...\nHOOKS = [f]\n@app.get('/')\nasync def route():\n    for hook in HOOKS: await hook()\n",
        True,
    ),
    "decorator that keeps it for the start": (
        "HOOKS = []\n"
        "def hook(function):\n"
        "    HOOKS.append(function)\n"
        "    return function\n"
        "@hook\n"
        "async def f(): ...\n"
        "async def lifespan(app):\n"
        "    await gather(*(each() for each in HOOKS))\n"
        "    yield\n",
        False,
    ),
    "handed to a helper that awaits it": (
        "async def f(): ...\n"
        "async def run(step): await step()\n"
        "async def lifespan(app):\n"
        "    await run(f)\n"
        "    yield\n",
        False,
    ),
    "handed to a library in a thread of its own": (
        "from threading import Thread\n"
        "from telegram import Command\n"
        "async def f(): ...\n"
        "def listen(): Command('status', f).run()\n"
        "Thread(target=listen).start()\n",
        False,
    ),
    "handed to a library in a function that a route calls as well": (
        "from threading import Thread\n"
        "from telegram import Command\n"
        "async def f(): ...\n"
        "def listen(): Command('status', f).run()\n"
        "Thread(target=listen).start()\n"
        "@app.get('/')\n"
        "async def route(): listen()\n",
        True,
    ),
    "handed to what may keep it": (
        "async def f(): ...\nasync def lifespan(app):\n    app.state.bus.subscribe('orders', f)\n    yield\n",
        True,
    ),
    "task that goes on": (
        "import asyncio\n"
        "async def f(): ...\n"
        "async def lifespan(app):\n"
        "    task = asyncio.create_task(f())\n"
        "    yield\n"
        "    task.cancel()\n",
        True,
    ),
    "task that is awaited before the application serves": (
        "import asyncio\n"
        "async def f(): ...\n"
        "async def lifespan(app):\n"
        "    task = asyncio.create_task(f())\n"
        "    await task\n"
        "    yield\n",
        False,
    ),
    "loop of its own in a thread": (
        "import asyncio, threading\n"
        "async def f(): ...\n"
        "def run(): asyncio.run(f())\n"
        "threading.Thread(target=run).start()\n",
        False,
    ),
    "loop of its own, made by hand": (
        "import asyncio\n"
        "loop = asyncio.new_event_loop()\n"
        "async def f(): ...\n"
        "@app.get('/')\n"
        "def route(): asyncio.run_coroutine_threadsafe(f(), loop).result()\n",
        False,
    ),
    "only its name is the same": (
        "async def f(): ...\n"
        "async def lifespan(app):\n"
        "    await f()\n"
        "    yield\n"
        "@app.get('/')\n"
        "def route(thing): return thing.f()\n",
        False,
    ),
    "method of a library's class": ("import other\nclass View(other.View):\n    async def f(self): ...\n", True),
    "method that nobody calls": ("class Orders:\n    async def f(self): ...\n", False),
    "method by a protocol": (
        "from typing import Protocol\n"
        "class Store(Protocol):\n"
        "    async def f(self): ...\n"
        "class Files:\n"
        "    async def f(self): ...\n"
        "@app.get('/')\n"
        "async def route(store: Store): await store.f()\n",
        True,
    ),
    "job of a worker's settings": (
        "from arq import cron\nasync def f(context): ...\nclass WorkerSettings:\n    functions = [f]\n",
        False,
    ),
}


@pytest.mark.parametrize("name", BY_OTHERS)
def test_who_reaches_a_function_decides(name: str) -> None:
    text, expected = BY_OTHERS[name]
    of = planted(text + ("\nserved = FastAPI(lifespan=lifespan)\n" if "def lifespan(" in text else ""))
    functions = [each for each in of.functions if each.name == "f"]
    assert of.effects.holds_up_requests(functions[-1]) is expected
