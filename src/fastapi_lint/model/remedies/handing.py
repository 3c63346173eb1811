"""How a module hands a call to a thread: in its own words, where it has some. Reads imports and calls of one module."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi_lint.model.names.symbols import Module
from fastapi_lint.model.types.inference.inference import Inference

_POOL = ("fastapi.concurrency", "starlette.concurrency")


@dataclass(frozen=True)
class Handing:
    """A function that runs another one in a thread and waits for it: where it is from, and how the module calls it.

    `name` is that of the function in `module`; `shown` is the expression. Without `keywords` it passes positional
    arguments on only.
    """

    module: str
    name: str
    shown: str
    keywords: bool = True


def handing(module: Module, types: Inference) -> Handing:
    """What to hand a call to a thread with: what the module uses already, else what fits to its imports."""
    for home in _POOL:
        if (shown := _imported(module, home, "run_in_threadpool")) is not None:
            return Handing(home, "run_in_threadpool", shown)
    if module.mentions("to_thread"):
        for call in module.facts.calls:
            name = types.name_of_type(types.callee(module, call))
            if name == "asyncio.to_thread":
                return Handing("asyncio", "to_thread", module.source.slice(call.start, call.name_end))
            if name == "anyio.to_thread.run_sync":
                shown = module.source.slice(call.start, call.name_end)
                return Handing("anyio.to_thread", "run_sync", shown, keywords=False)
    roots = {entry.module.split(".", 1)[0] for entry in module.facts.imports if not entry.level}
    if "fastapi" in roots:
        return Handing("fastapi.concurrency", "run_in_threadpool", "run_in_threadpool")
    if "starlette" in roots:
        return Handing("starlette.concurrency", "run_in_threadpool", "run_in_threadpool")
    if "anyio" in roots and "asyncio" not in roots:
        return Handing("anyio.to_thread", "run_sync", "anyio.to_thread.run_sync", keywords=False)
    return Handing("asyncio", "to_thread", "asyncio.to_thread")


def _imported(module: Module, home: str, name: str) -> str | None:
    """How a function is called that a module imports at its top level; None when it does not."""
    for entry in module.facts.imports:
        if entry.block == 0 and not entry.level:
            if entry.module == home and entry.name == name:
                return entry.alias or name
            if entry.module == home and not entry.name and entry.alias:
                return f"{entry.alias}.{name}"
            if f"{entry.module}.{entry.name}" == home:
                return f"{entry.alias or entry.name}.{name}"
    return None
