"""The catalogue of libraries proves itself: it is current, its names exist, its lookups find what its files say."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Callable
from typing import get_args

import msgspec
import pytest
from catalog.verify_libraries import ENTRIES, names, problems
from hypothesis import given
from hypothesis import strategies as st

from fastapi_lint import catalog
from fastapi_lint.catalog.dangers import dangers
from fastapi_lint.catalog.format import Danger, Named
from fastapi_lint.catalog.names import tables
from fastapi_lint.catalog.sources import MAPPINGS, encode, read, sources

HERE = {*sys.stdlib_module_names, *dir(builtins), "fastapi", "starlette", "pydantic", "anyio"}
"""Packages that are there wherever the tests run."""

EVERY_NAME = sorted({name for _, name in names(tables())})


def test_the_compiled_table_is_current() -> None:
    assert encode(read(sources())) == encode(tables()), "run: python tests/catalog/compile_catalogue.py"


def test_names_exist_here() -> None:
    found = list(problems(tables(), lambda name: name.split(".")[0] in HERE))
    assert found == []


def test_a_name_that_does_not_exist_is_a_problem() -> None:
    wrong = read({"x.toml": '[returns]\n"time.slep" = "io.TextIOWrapper"\n[bases]\n"ValueError" = ["OSError"]\n'})
    assert list(problems(wrong, lambda name: True)) == [
        "returns: time.slep: no `slep`",
        "bases: ValueError is no OSError",
    ]


def test_entries_use_canonical_names() -> None:
    aliases = {other for others in tables().aliases.values() for other in others}
    assert [name for name in EVERY_NAME if name not in aliases and catalog.canonical(name) != name] == []


@given(
    st.sampled_from([*EVERY_NAME, "a.b", "builtins", "starlette"]),
    st.lists(st.sampled_from(["x", "get", "Session"]), max_size=3),
)
def test_canonical_is_idempotent(name: str, rest: list[str]) -> None:
    once = catalog.canonical(".".join([name, *rest]))
    assert catalog.canonical(once) == once


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sqlalchemy.orm.session.Session", "sqlalchemy.orm.Session"),
        ("sqlalchemy.orm.session.Session.execute", "sqlalchemy.orm.Session.execute"),
        ("sqlalchemy.engine.base.Engine", "sqlalchemy.Engine"),
        ("starlette.requests.Request", "fastapi.Request"),
        ("fastapi.requests.Request.json", "fastapi.Request.json"),
        ("starlette.responses.JSONResponse", "fastapi.responses.JSONResponse"),
        ("starlette.responses.Response", "fastapi.Response"),
        ("starlette.status.HTTP_404_NOT_FOUND", "fastapi.status.HTTP_404_NOT_FOUND"),
        ("starlette.concurrency.run_in_threadpool", "fastapi.concurrency.run_in_threadpool"),
        ("fastapi.exceptions.HTTPException", "fastapi.HTTPException"),
        ("starlette.exceptions.HTTPException", "starlette.exceptions.HTTPException"),
        ("fastapi.params.Depends", "fastapi.Depends"),
        ("redis.client.Redis.get", "redis.Redis.get"),
        ("redis.asyncio.client.Redis", "redis.asyncio.Redis"),
        ("requests.api.get", "requests.get"),
        ("builtins.open", "open"),
        ("builtins.ValueError", "ValueError"),
        ("io.open", "open"),
        ("socket.timeout", "TimeoutError"),
        ("my.own.thing", "my.own.thing"),
        ("", ""),
    ],
)
def test_canonical(name: str, expected: str) -> None:
    assert catalog.canonical(name) == expected


# ---------------------------------------------------------------- blocking


def pairs(table: str) -> list[tuple[Named, str, str]]:
    """Each entry of a table with each of its names and methods; wildcards filled in."""
    return [
        (entry, name.replace(".*", ".Customer"), method.replace("[A-Z]", "A").replace("*", "x"))
        for entry in getattr(tables(), table)
        for name in entry.names
        for method in entry.methods or ("",)
    ]


def test_every_blocking_entry_is_found() -> None:
    blocking = catalog.blocking()
    lost = [
        f"{name}.{method}"
        for entry, name, method in pairs("blocking")
        if not (
            (blocking.method(name, method), blocking.function(f"{name}.{method}")) == (entry, entry)
            if method
            else blocking.function(name) is entry
        )
    ]
    assert lost == []


def test_exceptions_do_not_block() -> None:
    excluded = [
        (name, method)
        for entry in tables().blocking
        for name in entry.names
        for method in entry.exclude
        if "*" not in method
    ]
    found = [(method, catalog.blocking().method(name, method)) for name, method in excluded]
    assert found
    assert [(method, entry) for method, entry in found if entry is not None and method not in entry.methods] == []


def test_texts_fit_into_a_message() -> None:
    for entry in tables().blocking:
        assert entry.why.split()[0].islower() and entry.why.split()[0].endswith("s"), entry.names
        assert entry.instead == entry.instead.strip() and entry.instead.count("`") % 2 == 0, entry.names
        assert not entry.why.endswith(".") and not entry.instead.endswith("."), entry.names


@pytest.mark.parametrize(
    "name",
    [
        "requests.Session", "redis.Redis", "redis.from_url", "redis.Redis.from_url", "redis.Redis.pipeline",
        "redis.client.Pipeline.get", "redis.asyncio.Redis.get", "sqlalchemy.create_engine", "sqlalchemy.orm.Session",
        "sqlalchemy.orm.Session.add", "sqlalchemy.orm.Session.add_all", "sqlalchemy.orm.Session.expunge",
        "sqlalchemy.orm.Session.query", "sqlalchemy.orm.Query.filter", "sqlalchemy.ext.asyncio.AsyncSession.execute",
        "sqlalchemy.ext.asyncio.AsyncSession.commit", "sqlalchemy.Result.all",
        "sqlmodel.ext.asyncio.session.AsyncSession.exec",
        "pathlib.Path", "pathlib.Path.joinpath", "pathlib.Path.with_suffix", "pathlib.Path.__truediv__", "os.path.join",
        "os.getenv", "os.environ.get", "httpx.AsyncClient", "httpx.AsyncClient.get", "aiofiles.open", "asyncio.sleep",
        "asyncio.Queue.get", "asyncio.Future.result", "asyncio.Lock.acquire", "queue.Queue.put",
        "queue.Queue.get_nowait",
        "io.BytesIO.read", "io.StringIO.write", "json.load", "hashlib.sha256", "bcrypt.gensalt", "httpx.Client",
        "pymongo.MongoClient", "pymongo.collection.Collection.find", "pymongo.MongoClient.get_database",
        "botocore.client.BaseClient.get_paginator", "botocore.client.BaseClient.generate_presigned_url",
        "boto3.resources.base.ServiceResource.Table", "stripe.Customer", "stripe.Customer.to_dict",
        "stripe.Customer.create_async", "subprocess.Popen.poll", "threading.Thread.start", "threading.Event.set",
        "anyio.Path.read_text", "fastapi.UploadFile.read", "smtplib.SMTP.set_debuglevel", "PIL.Image.Image.size",
        "google.cloud.pubsub_v1.PublisherClient.publish", "confluent_kafka.Producer.produce", "openai.AsyncOpenAI",
        "mine.get", "get", "",
    ],
)  # fmt: skip
def test_what_does_not_block(name: str) -> None:
    assert catalog.blocking().function(name) is None


@pytest.mark.parametrize(
    ("cls", "method", "weight"),
    [
        ("sqlmodel.Session", "commit", "long"),
        ("sqlalchemy.orm.scoped_session", "execute", "long"),
        ("sqlalchemy.orm.session.Session", "get", "long"),
        ("pathlib.PosixPath", "read_text", "short"),
        ("typing.BinaryIO", "read", "short"),
        ("smtplib.SMTP_SSL", "send_message", "long"),
        ("concurrent.futures.ThreadPoolExecutor", "__exit__", "long"),
        ("celery.result.GroupResult", "get", "long"),
        ("pymongo.cursor.Cursor", "__iter__", "long"),
        ("botocore.client.BaseClient", "put_object", "long"),
        ("stripe.checkout.Session", "create", "long"),
        ("fastapi.testclient.TestClient", "get", "long"),
    ],
)
def test_methods_through_the_hierarchy(cls: str, method: str, weight: str) -> None:
    found = catalog.blocking().method(cls, method)
    assert found is not None and found.weight == weight


def applies(name: str, *positional: object, **keywords: object) -> bool:
    entry = catalog.blocking().function(name)
    assert entry is not None
    return entry.applies(positional, keywords)


def test_arguments_decide() -> None:
    assert applies("smtplib.SMTP", "host") and applies("smtplib.SMTP", host=None) and not applies("smtplib.SMTP")
    assert applies("queue.Queue.get") and applies("queue.Queue.get", True)
    assert not applies("queue.Queue.get", False) and not applies("queue.Queue.get", block=False)
    assert applies("confluent_kafka.Producer.poll") and not applies("confluent_kafka.Producer.poll", 0)
    assert applies("confluent_kafka.Producer.poll", 1.0), "one second"
    assert applies("psutil.cpu_percent", 1) and applies("psutil.cpu_percent", interval=1)
    assert not applies("psutil.cpu_percent") and not applies("psutil.cpu_percent", percpu=True)
    assert applies("threading.Lock.acquire", 0), "0 is not False for a timeout-less lock"


# ---------------------------------------------------------------- names and types


def test_types() -> None:
    assert catalog.returns("sqlalchemy.create_engine") == "sqlalchemy.Engine"
    assert catalog.returns("sqlalchemy.engine.create_engine") == "sqlalchemy.Engine"
    assert catalog.returns("sqlalchemy.Engine.begin") == "contextmanager[sqlalchemy.Connection]"
    assert catalog.returns("sqlmodel.Session.query") == "sqlalchemy.orm.Query"
    assert catalog.returns("pathlib.Path.cwd") == "pathlib.Path"
    assert catalog.returns("pathlib.PosixPath.cwd") == "pathlib.PosixPath"
    assert catalog.method_returns("pathlib.PosixPath", "with_suffix") == "self"
    assert catalog.returns("pathlib.Path.iterdir") == "typing.Iterator[pathlib.Path]"
    assert catalog.returns("tempfile.TemporaryDirectory") is None, "its instances are what calling it gives"
    assert catalog.returns("unknown.thing") is None
    assert catalog.enters("tempfile.TemporaryDirectory") == "str"
    assert catalog.enters("io.TextIOWrapper") is None
    assert catalog.attribute("fastapi.UploadFile", "file") == "typing.BinaryIO"
    assert catalog.attribute("pymongo.MongoClient", "shop") == "pymongo.database.Database"
    assert catalog.attribute("pymongo.MongoClient", "[]") == "pymongo.database.Database"
    assert catalog.attribute("pymongo.MongoClient", "list_databases") is None, "a method"
    assert catalog.attribute("pymongo.database.Database", "users") == "pymongo.collection.Collection"
    assert catalog.attribute("pymongo.database.Database", "get_collection") is None, "a method"
    assert catalog.attribute("openai.AzureOpenAI", "chat") == "openai._resource.SyncAPIResource"
    assert catalog.attribute("pathlib.Path", "parent") == "pathlib.Path"
    assert catalog.attribute("pathlib.Path", "name") is None
    assert catalog.decorated("celery.Celery.task") == "celery.Task"


def test_chains_end_at_a_blocking_method() -> None:
    """`MongoClient().shop.users.find_one()`, `OpenAI().chat.completions.create()`, `Session.query().filter().all()`."""
    collection = catalog.attribute(str(catalog.attribute("pymongo.MongoClient", "shop")), "users")
    assert catalog.blocking().method(str(collection), "find_one")
    completions = catalog.attribute(str(catalog.attribute("openai.OpenAI", "chat")), "completions")
    assert catalog.blocking().method(str(completions), "create")
    query = catalog.returns("sqlalchemy.orm.Session.query")
    assert catalog.returns(f"{query}.filter") == query and catalog.blocking().method(str(query), "all")


@pytest.mark.parametrize("table", ["returns", "attributes"])
def test_given_types_are_canonical(table: str) -> None:
    given_types = {value.rpartition("[")[2].rstrip("]") for value in getattr(tables(), table).values()}
    assert [name for name in given_types if catalog.canonical(name) != name] == []


def test_hierarchy() -> None:
    assert catalog.is_subclass("sqlmodel.Session", "sqlalchemy.orm.session.Session")
    assert catalog.is_subclass("fastapi.HTTPException", "starlette.exceptions.HTTPException")
    assert not catalog.is_subclass("starlette.exceptions.HTTPException", "fastapi.HTTPException")
    assert catalog.is_subclass("FileNotFoundError", "Exception") and catalog.is_subclass("x.Y", "x.Y")
    assert not catalog.is_subclass("asyncio.CancelledError", "Exception")
    assert catalog.lineage("KeyError") == ("KeyError", "LookupError", "Exception", "BaseException")
    assert catalog.bases("unknown.Class") == ()
    assert catalog.is_known("starlette.requests.Request") and not catalog.is_known("fastapi.nothing")
    assert catalog.is_builtin("ExceptionGroup") and catalog.is_builtin("open") and not catalog.is_builtin("Request")


# ---------------------------------------------------------------- coroutines, hand-offs, authentication


@pytest.mark.parametrize("table", [table for table in ENTRIES if table != "blocking"])
def test_every_other_entry_is_found(table: str) -> None:
    lookups: dict[str, Callable[[str], object]] = {
        "coroutines": lambda name: catalog.awaitable(name), "handoffs": catalog.handoff, "reentry": catalog.reentry,
        "clients": catalog.client, "schemes": catalog.security_scheme, "dependencies": catalog.auth_dependency,
        "middleware": catalog.is_auth_middleware, "decorators": catalog.is_auth_decorator, "markers": catalog.marker,
        "sources": dangers().attributes, "passing": dangers().passing, "guards": dangers().guard,
        "sinks": lambda name: any(dangers().sink(danger, name) for danger in get_args(Danger)),
        "bound": catalog.bound, "consumers": catalog.consumer, "callbacks": catalog.callback,
    }  # fmt: skip
    full = [f"{name}.{method}" if method else name for _, name, method in pairs(table)]
    assert full and [name for name in full if not lookups[table](name)] == []


def test_what_is_known_about_texts_of_clients_says_where_it_is_documented() -> None:
    known = tables()
    cited = [(e.names, e.source) for e in known.sources] + [(e.names, e.source) for e in known.passing]
    cited += [(e.names, e.source) for e in known.guards] + [(e.names, e.source) for e in known.sinks]
    assert [names for names, source in cited if not source.startswith("https://")] == []
    assert {sink.danger for sink in known.sinks} <= set(get_args(Danger))


def test_clients_have_something_to_lose_by_their_documentation() -> None:
    known = tables().clients
    assert [entry.names for entry in known if not entry.source.startswith("https://")] == []
    assert all(name.rpartition(".")[2] in catalog.client_words() for entry in known for name in entry.names)
    assert not catalog.client("slack_sdk.WebClient") and not catalog.client("sendgrid.SendGridAPIClient")


def test_coroutines() -> None:
    assert catalog.coroutine("asyncio.sleep") and catalog.coroutine_method("fastapi.UploadFile", "read")
    assert catalog.coroutine_method("sqlmodel.ext.asyncio.session.AsyncSession", "commit")
    assert not catalog.coroutine_method("sqlalchemy.ext.asyncio.AsyncSession", "add")
    assert not catalog.coroutine_method("fastapi.Request", "stream")
    assert catalog.coroutine_method("redis.asyncio.Redis", "hset")
    assert not catalog.coroutine_method("redis.asyncio.Redis", "pipeline")
    assert not catalog.coroutine("asyncio.gather"), "it runs without await"
    gathered, opened = catalog.awaitable("asyncio.gather"), catalog.awaitable_method("aiohttp.ClientSession", "get")
    assert gathered and gathered.gives == "future" and opened and opened.gives == "context"


def test_handoffs() -> None:
    pool, executor = (
        catalog.handoff("starlette.concurrency.run_in_threadpool"),
        catalog.handoff("asyncio.AbstractEventLoop.run_in_executor"),
    )
    assert pool and (pool.argument, pool.to) == (0, "thread") and executor and executor.argument == 1
    task = catalog.handoff("fastapi.BackgroundTasks.add_task")
    assert task and task.awaits
    process = catalog.handoff("concurrent.futures.ProcessPoolExecutor.submit")
    assert process and process.to == "process"
    greenlet = catalog.handoff("sqlmodel.ext.asyncio.session.AsyncSession.run_sync")
    assert greenlet and greenlet.to == "greenlet"
    partial = catalog.handoff("functools.partial")
    assert partial and (partial.to, partial.gives) == ("caller", "wrapper")


def test_authentication() -> None:
    assert catalog.is_auth("fastapi.security.http.HTTPBearer") and catalog.is_auth("fastapi_login.LoginManager")
    assert not catalog.is_auth("fastapi.security.OAuth2PasswordRequestForm") and not catalog.is_auth("fastapi.Request")
    assert not catalog.is_auth_middleware("fastapi.middleware.cors.CORSMiddleware")
    assert not catalog.marker("functools.wraps")


# ---------------------------------------------------------------- the loader

GOOD = 'name = "a.b"\nkind = "network"\nweight = "long"\nwhy = "waits"\ninstead = "c"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[blocking]]\n" + GOOD + "wieght = 1\n", "x.toml: blocking[0]: unknown key 'wieght'; did you mean 'weight'?"),
        ("[[blocking]]\n" + GOOD.replace("why", "notes"), "x.toml: blocking[0]: ['a.b'] has no `why`"),
        ("[[blocking]]\n" + GOOD.replace('name = "a.b"\n', ""), "x.toml: blocking[0]: has no `name`"),
        ("[[blocking]]\n" + GOOD + 'names = ["c"]\n', "x.toml: blocking[0]: has both `name` and `names`"),
        (
            "[[blocking]]\n" + GOOD.replace("a.b", "a..b"),
            "x.toml: blocking[0]: `name` must be a dotted name, not ['a..b']",
        ),
        ("[[blocking]]\n" + GOOD.replace('"waits"', '""'), "x.toml: blocking[0]: `why` is empty"),
        ("[[blocking]]\n" + GOOD.replace('"waits"', "1"), "x.toml: blocking[0]: `why`: Expected `str`, got `int`"),
        ("[[blocking]]\n" + GOOD + 'except = ["x"]\n', "x.toml: blocking[0]: `except` without `methods`"),
        (
            "[[blocking]]\n" + GOOD.replace("long", "lnog"),
            "`weight` is 'lnog', not one of brief, local, long, short; did you mean 'long'?",
        ),
        (("[[blocking]]\n" + GOOD) * 2, "x.toml: blocking: `a.b` is already in x.toml"),
        ("[blocking]\n" + GOOD, "x.toml: `blocking` must be an array of tables"),
        ("[[blockings]]\n" + GOOD, "x.toml: unknown table `blockings`"),
        ('[returns]\n"a" = 1\n', "x.toml: returns: Expected `str`, got `int`"),
        ('[aliases]\n"a" = ["b"]\n"c" = ["b"]\n', "aliases: `b` has two canonical names"),
        ('[bases]\n"a" = ["b"]\n"b" = ["c"]\n"c" = ["a"]\n', "bases: `a` is its own base"),
        ("[[blocking]\n", "x.toml: "),
    ],
)
def test_loading_names_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(catalog.CatalogueError) as error:
        read({"x.toml": text})
    assert message in str(error.value)


def test_a_duplicate_names_both_files() -> None:
    with pytest.raises(catalog.CatalogueError, match=r"b\.toml: blocking: `a\.b` is already in a\.toml"):
        read({"a.toml": "[[blocking]]\n" + GOOD, "b.toml": "[[blocking]]\n" + GOOD})


def test_user_entries() -> None:
    entries = catalog.entries_from(
        [{"name": "acme.fetch"}, {"name": "acme.Client", "methods": ["*"], "except": ["close"], "kind": "cache"}],
        "tool.fastapi-lint.blocking",
    )
    extended = catalog.blocking().extend(entries)
    assert extended.function("acme.fetch") is entries[0] and extended.method("acme.Client", "get") is entries[1]
    assert extended.method("acme.Client", "close") is None and extended.function("time.sleep") is not None
    assert catalog.blocking().function("acme.fetch") is None, "the shipped catalogue stays as it is"
    mine = catalog.entries_from([{"name": "time.sleep", "weight": "short"}], "x")
    assert catalog.blocking().extend(mine).function("time.sleep") is mine[0]
    method = catalog.entries_from([{"name": "acme.Client.get"}], "x")
    assert catalog.blocking().extend(method).method("acme.Client", "get") is method[0]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"nmae": "a.b"}, "tool.fastapi-lint.blocking[0]: unknown key 'nmae'; did you mean 'name'?"),
        ({"name": "a.b", "kind": "databse"}, "did you mean 'database'?"),
        ("a.b", "tool.fastapi-lint.blocking[0]: must be a table, not str"),
        ({"why": "waits"}, "tool.fastapi-lint.blocking[0]: has no `name`"),
    ],
)
def test_user_entries_that_are_wrong(entry: object, message: str) -> None:
    with pytest.raises(catalog.CatalogueError) as error:
        catalog.entries_from([entry], "tool.fastapi-lint.blocking")
    assert message in str(error.value)


def test_every_table_is_read_and_none_is_empty() -> None:
    content = msgspec.structs.asdict(tables())
    assert set(content) == {*ENTRIES, *MAPPINGS}
    assert [table for table, value in content.items() if not value] == []
