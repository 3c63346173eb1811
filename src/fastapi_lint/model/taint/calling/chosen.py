"""The calls that run a function under another name: out of a table, a variable or a condition. Follows no texts."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Function, Module
from fastapi_lint.model.taint.calling.choosing import Choosing

_MOST_MODULES = 40
"""Modules with a word in them that are looked through: a word of more is no name of a table."""


def choosing_calls(choosing: Choosing, function: Function) -> Iterator[tuple[Module, int]]:
    """Where calls start that run a function, or one of several with it, and do not stand below its name."""
    if function.cls is not None or function.name == "<lambda>":
        return  # a call of a method has its name, whatever the object is
    types = choosing.types
    own = frozenset({function.name, *types.modules.aliases.get(function.name, ())})
    tables = frozenset(
        f.last_name(entry.target)
        for name in own
        for module, kind, index in types.modules.values_by_name.get(name, ())
        if kind == "assign" and (entry := module.facts.assigns[index]).value is not None
    )
    seen: set[Module] = set()
    for name in sorted(own | tables - {""}):
        modules = list(types.modules.with_word(name))
        for module in modules if len(modules) <= _MOST_MODULES else ():
            if module not in seen and not module.is_test:
                seen.add(module)
                calls = choosing.chosen_in(module).get(function, ())
                for call, is_handing in calls:
                    if is_handing or f.last_name(call.func) not in own:
                        yield module, call.start
