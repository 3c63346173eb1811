"""Calls that read what stands outside of the program, or write it: environment variables, options of a command line.

Knows the shapes of calls only, no types. Judges nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Module

_READERS = frozenset({"getenv", "get", "config", "env", "setdefault", "str", "pop"})
_READ = frozenset({"getenv", "environ", "config"})
_MAKERS = {"Config": "config", "AutoConfig": "config", "Env": "env", "FileAwareEnv": "env"}
"""What makes a reader of the environment (of Starlette, decouple and environs), and what that is mostly called."""
_OPTIONS = frozenset({"Option", "Argument", "option", "argument", "add_argument"})
_WRITERS = frozenset({"putenv", "setenv"})


def environment_read(module: Module, call: f.Call) -> str | None:
    """The environment variable that a call reads (`os.getenv`, `environ.get`, `config` of starlette and decouple)."""
    if not call.args or not isinstance(call.args[0].value, f.Const) or not isinstance(call.func, (f.Name, f.Attr)):
        return None
    name = call.args[0].value.value
    if not isinstance(name, str) or call.args[0].name not in ("", "key", "name"):
        return None
    if reads_environment(module, call):
        return name
    match _as_known(module, call.func):
        case f.Name(id="config" | "env") | f.Attr(value=f.Name(id="env"), attr="str" | "get"):
            return name
    return None


def reads_environment(module: Module, call: f.Call) -> bool:
    """Whether a call reads a variable of the environment, whichever: `os.getenv(name)`, `os.environ.get(name)`."""
    if not isinstance(call.func, (f.Name, f.Attr)) or not call.args:
        return False
    match _as_known(module, call.func):
        case f.Name(id="getenv") | f.Attr(value=f.Name(id="os"), attr="getenv"):
            return True
        case f.Attr(value=environ, attr="get" | "setdefault" | "pop"):
            return is_environment(environ)
    return False


def _as_known(module: Module, func: f.Name | f.Attr) -> f.Name | f.Attr:
    """What is called, by the name that it has at home."""
    if isinstance(func, f.Name):
        return f.Name(_known_as(module).get(func.id, func.id))
    if func.attr in _READERS and isinstance(func.value, f.Name) and func.value.id in _known_as(module):
        return f.Attr(f.Name(_known_as(module)[func.value.id]), func.attr)
    return func


@lru_cache(maxsize=512)
def _known_as(module: Module) -> dict[str, str]:
    """The names of a module that stand for what reads the environment: `from os import environ as env`, `env =
    os.environ`, `settings = Config(".env")`."""
    found = {one.alias: one.name for one in module.facts.imports if one.alias and one.name in _READ}
    for entry in module.facts.assigns:
        if isinstance(entry.target, f.Name) and module.facts.blocks[entry.block].kind == "module":
            if entry.value is not None and is_environment(entry.value):
                found[entry.target.id] = "environ"
            elif isinstance(entry.value, f.CallRef):
                made = f.last_name(module.facts.calls[entry.value.index].func)
                if made in _MAKERS:
                    found[entry.target.id] = _MAKERS[made]
    return found


def default_of(call: f.Call) -> f.Arg | None:
    """What a call that reads a variable gives when there is none."""
    return next((arg for i, arg in enumerate(call.args) if arg.name == "default" or (arg.name == "" and i == 1)), None)


def is_environment(expr: f.Expr) -> bool:
    """Whether an expression is `os.environ`."""
    return f.last_name(expr) == "environ"


def is_set_default(call: f.Call) -> bool:
    """Whether a call is `os.environ.setdefault(...)`: what follows finds the variable set."""
    return isinstance(call.func, f.Attr) and call.func.attr == "setdefault" and is_environment(call.func.value)


def option_of(call: f.Call) -> tuple[str, str] | None:
    """The names of an option of a command line (its own, "" when it is that of a parameter) and of the environment
    variable that is read when it is not given ("" when there is none); for typer, click and argparse."""
    if f.last_name(call.func) not in _OPTIONS:
        return None
    flags = (arg.value.value for arg in call.args if arg.name == "" and isinstance(arg.value, f.Const))
    texts = [text for text in flags if isinstance(text, str)]
    named = next((text for text in texts if text.isidentifier()), "")  # click's name of the parameter
    own = named or next((text for text in texts if text.startswith("--")), "")
    given = f.keyword(call, "envvar")
    match given.value if given is not None else None:
        case f.Const(value=str(text)) | f.Display(items=(f.Const(value=str(text)), *_)):
            return own.lstrip("-"), text
    return own.lstrip("-"), ""


def environment_written(call: f.Call) -> Iterator[tuple[str, f.Expr, f.Arg]]:
    """The variables that a call writes to an environment: name, value and the argument that the value stands in.

    `os.putenv`, `monkeypatch.setenv`, `os.environ.update({...})`, and the `env=` of a subprocess.
    """
    called = f.last_name(call.func)
    if called in _WRITERS and len(call.args) > 1 and isinstance(call.args[0].value, f.Const):
        name = call.args[0].value.value
        if isinstance(name, str):
            yield name, call.args[1].value, call.args[1]
    updates = called == "update" and isinstance(call.func, f.Attr) and is_environment(call.func.value)
    for arg in call.args:
        if updates and arg.name not in ("", "*", "**"):
            yield arg.name, arg.value, arg
        elif (updates or arg.name == "env") and isinstance(arg.value, f.Mapping):
            for key, value in arg.value.items:
                if isinstance(key, f.Const) and isinstance(key.value, str):
                    yield key.value, value, arg
