"""Resolves every name of the catalogue against the libraries installed beside it, and prints what does not exist.

Run it by hand in an environment of its own that holds the libraries: `python tests/catalog/verify_libraries.py`.
Libraries that are not installed are counted and left out. The tests use `problems` for what is installed with them.
"""

from __future__ import annotations

import asyncio
import builtins
import importlib
import importlib.util
import inspect
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from functools import cache

from fastapi_lint.catalog.format import Named, Tables
from fastapi_lint.catalog.sources import read, sources

OTHER_VERSIONS = {
    # of Python
    "telnetlib.Telnet", "pathlib.Path.walk", "pathlib.Path.is_junction", "pathlib.Path.copy", "pathlib.Path.copy_into",
    "pathlib.Path.move", "pathlib.Path.move_into", "pathlib.Path.link_to", "hashlib.file_digest", "asyncio.Runner",
    "asyncio.TaskGroup", "asyncio.Barrier", "ExceptionGroup", "BaseExceptionGroup", "enum.StrEnum",
    "warnings.deprecated", "asyncio.timeout", "asyncio.timeout_at", "asyncio.Timeout", "contextlib.chdir",
    "asyncio.StreamWriter.start_tls", "pathlib._local.Path", "asyncio.runners.Runner", "asyncio.taskgroups.TaskGroup",
    "typing.Never", "typing.NotRequired", "typing.ReadOnly", "typing.Required", "typing.Self",
    # of libraries: older ones still in use, or newer than those verified
    "sqlalchemy.Engine.execute", "sqlalchemy.Engine.scalar", "sqlalchemy.future.Engine", "sqlalchemy.future.Connection",
    "sqlalchemy.ext.declarative.declarative_base", "openai.ChatCompletion", "openai.Completion", "openai.Embedding",
    "openai.Image", "openai.Moderation", "openai.Audio", "duckdb.duckdb.DuckDBPyConnection",
    "mistralai.Mistral", "fastapi.responses.ORJSONResponse", "fastapi.responses.UJSONResponse", "anyio.to_interpreter",
    "youtube_transcript_api.YouTubeTranscriptApi",
}  # fmt: skip
"""Right in another version than the one at hand; a name stands for everything in it."""

DYNAMIC = {
    "googleapiclient.discovery.Resource",  # its methods come with the description of the service
    "botocore.client.BaseClient", "boto3.resources.base.ServiceResource", "xmlrpc.client.ServerProxy",
    "pymongo.MongoClient",
    "pymongo.database.Database", "pymongo.AsyncMongoClient", "pymongo.asynchronous.database.AsyncDatabase",
    "motor.motor_asyncio.AsyncIOMotorClient", "motor.motor_asyncio.AsyncIOMotorDatabase", "celery.Celery",
    "openai._resource.SyncAPIResource", "openai._resource.AsyncAPIResource", "anthropic._resource.SyncAPIResource",
    "anthropic._resource.AsyncAPIResource", "stripe._stripe_service.StripeService",
    "twilio.base.list_resource.ListResource", "zhipuai.core._base_api.BaseAPI", "zhipuai.ZhipuAI",
    "django.db.models.Model", "starlette.datastructures.UploadFile", "fastapi_users.FastAPIUsers",
    "boto3.resources.collection.ResourceCollection", "tempfile._TemporaryFileWrapper", "hvac.api.VaultApiBase",
    "gitlab.base.RESTManager", "notion_client.api_endpoints.Endpoint", "razorpay.resources.base.Resource",
    "yt_dlp.YoutubeDL",  # a class, and the module that it is from
}  # fmt: skip
"""Classes whose members are made at run time, or are those of subclasses: only the class itself is resolved."""

NOT_IDENTICAL = {
    "fastapi.Depends", "fastapi.Security", "fastapi.Path", "fastapi.Query", "fastapi.Header", "fastapi.Cookie",
    "fastapi.Body", "fastapi.Form", "fastapi.File",  # the function and the class that it makes
    "docker.from_env",  # a bound method
    "dramatiq.actor",  # a function and the module that it is from
    "emails.Message",  # a class, and functions that make one
    "anyio", "google.cloud.firestore", "google.cloud.secretmanager", "kubernetes.config", "elasticsearch.helpers",
    "opensearchpy.helpers", "pandas", "requests", "os", "os.path", "io", "sqlite3", "fastapi.status",
    "fastapi.responses",
    # implementations of their own for older Pythons
    "typing.NamedTuple", "typing.Protocol", "typing.TypeVar", "typing.TypedDict",
}  # fmt: skip
"""Canonical names whose aliases are not the same object: modules whose content is re-exported, and these functions."""

NOT_SUBCLASSES = {
    "sqlalchemy.orm.scoped_session",  # a proxy with the session's methods
    "boto3.resources.collection.CollectionManager",  # has the collection's methods
    "fastapi.testclient.TestClient",  # of httpx2.Client where that is installed
}
"""Classes that only behave like what the catalogue calls their bases."""

INSTANCES: tuple[Callable[[], object], ...] = (threading.Lock, threading.RLock, threading.Condition, asyncio.Condition)
"""Factories, and classes whose instances get their methods when they are made."""

ENTRIES = (
    "blocking", "coroutines", "handoffs", "reentry", "clients", "schemes", "dependencies", "middleware", "decorators",
    "markers", "bound", "sources", "passing", "guards", "sinks", "consumers", "callbacks",
)  # fmt: skip
"""The tables of entries with names."""


class Missing(Exception):
    """A name that does not exist."""


def installed(name: str) -> bool:
    """Whether the top-level package of a name can be imported; built-in names count."""
    top = name.split(".")[0]
    if "." not in name:
        return True
    try:
        return importlib.util.find_spec(top) is not None
    except (ImportError, ValueError):
        return False


class Broken(Missing):
    """A name of a library that is there but cannot be imported here."""


@cache
def resolve(name: str) -> object:
    """The object of a dotted name. Raises Missing or Broken."""
    parts = name.split(".")
    if hasattr(builtins, parts[0]) or ("." not in name and not importlib.util.find_spec(name)):
        parts = ["builtins", *parts]
    for end in range(len(parts), 0, -1):
        try:
            value: object = importlib.import_module(".".join(parts[:end]))
            rest = parts[end:]
            break
        except ModuleNotFoundError as error:
            reason = str(error)
        except Exception as error:  # whatever a library does when it is imported
            raise Broken(f"{name}: {type(error).__name__}: {error}") from None
    else:
        raise Missing(f"{name}: {reason}")
    for part in rest:
        value = next((factory() for factory in INSTANCES if factory is value), value)
        if not hasattr(value, part):
            raise Missing(f"{name}: no `{part}`")
        value = getattr(value, part)
    return value


def names(tables: Tables) -> Iterator[tuple[str, str]]:
    """Every name that must exist, with the table it is from; families (`stripe.*`) stand for their package."""
    for table in ENTRIES:
        for entry in getattr(tables, table):
            for name in entry.names:
                yield table, name.removesuffix(".*")
            if len(entry.names) == 1 and entry.names[0] not in DYNAMIC and not entry.names[0].endswith(".*"):
                yield from ((table, f"{entry.names[0]}.{method}") for method in entry.methods if "*" not in method)
    for name, others in tables.aliases.items():
        yield "aliases", name
        yield from (("aliases", other) for other in others)
    for table in ("returns", "enters", "decorates"):
        for name, given in getattr(tables, table).items():
            yield table, name.rpartition(".")[0] if name.rpartition(".")[0] in DYNAMIC else name
            if given != "self":
                yield table, given.rpartition("[")[2].rstrip("]")
    for name, given in tables.attributes.items():
        yield "attributes", name.rpartition(".")[0]
        if given != "self":
            yield "attributes", given.rpartition("[")[2].rstrip("]")
    for name, above in tables.bases.items():
        yield "bases", name
        yield from (("bases", base) for base in above)


def _elsewhere(name: str) -> bool:
    return any(name == other or name.startswith(other + ".") for other in OTHER_VERSIONS)


def problems(tables: Tables, wanted: Callable[[str], bool]) -> Iterator[str]:
    """What is wrong with the names that are wanted: missing ones, aliases of something else, bases that are none,
    blocking ones that are coroutine functions."""
    for table, name in dict.fromkeys(names(tables)):
        if wanted(name) and not _elsewhere(name):
            try:
                value = resolve(name)
            except Broken:
                continue
            except Missing as error:
                if not _pseudo(name) and name.rpartition(".")[0] not in DYNAMIC:
                    yield f"{table}: {error}"
                continue
            if table == "blocking" and inspect.iscoroutinefunction(value):
                yield f"blocking: {name} is a coroutine function"
    for table in ENTRIES:
        for entry in getattr(tables, table):
            if len(entry.names) > 1 and all(wanted(name) and "*" not in name for name in entry.names):
                yield from (f"{table}: no `{method}` in any of {entry.names}" for method in _in_none(entry))
    for name, others in tables.aliases.items():
        for other in others:
            if name not in NOT_IDENTICAL and wanted(name) and not _elsewhere(name) and not _elsewhere(other):
                try:
                    same = resolve(name) is resolve(other)
                except Missing:
                    continue  # said above
                if not same and not (name.startswith(("OSError", "TimeoutError")) and sys.version_info < (3, 11)):
                    yield f"aliases: {name} is not {other}"
    for name, above in tables.bases.items():
        for base in above:
            if name not in NOT_SUBCLASSES and wanted(name) and not _elsewhere(name) and not _elsewhere(base):
                try:
                    cls, parent = resolve(name), resolve(base)
                except Missing:
                    continue
                if not (isinstance(cls, type) and isinstance(parent, type) and issubclass(cls, parent)):
                    yield f"bases: {name} is no {base}"


def _in_none(entry: Named) -> Iterator[str]:
    """The methods that no class of an entry has."""
    for method in entry.methods:
        found = "*" in method
        for name in entry.names:
            try:
                resolve(name)
                resolve(f"{name}.{method}")
                found = True
            except Broken:
                found = True
            except Missing:
                found = found or name in DYNAMIC or _elsewhere(name) or _elsewhere(f"{name}.{method}")
        if not found:
            yield method


def _pseudo(name: str) -> bool:
    """Special methods of what a method gives (`Executor.map.__iter__`), which no class has."""
    owner, _, method = name.rpartition(".")
    try:
        return method.startswith("__") and inspect.isfunction(resolve(owner))
    except Missing:
        return False


def _broken(name: str) -> bool:
    try:
        resolve(name)
    except Broken:
        return True
    except Missing:
        return False
    return False


def main() -> int:
    """Prints the problems and how much was verified; 1 if there are problems."""
    warnings.simplefilter("ignore")
    tables = read(sources())
    everything = {name for _, name in names(tables)}
    present = {name for name in everything if installed(name)}
    found = list(problems(tables, installed))
    broken = sorted({name.split(".")[0] for name in present if _broken(name)})
    absent = sorted({name.split(".")[0] for name in everything - present})
    sys.stdout.write("".join(f"{line}\n" for line in found))
    sys.stdout.write(f"{len(present)} of {len(everything)} names verified, {len(found)} problems; not installed: ")
    sys.stdout.write(", ".join(absent) + "; cannot be imported: " + ", ".join(broken) + "\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
