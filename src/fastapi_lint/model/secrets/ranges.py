"""Parts of a module's text that mean something for secrets in them: documentation, what connects. Judges nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi_lint.catalog.secrecy import secret_calls
from fastapi_lint.model.names.expressions import called
from fastapi_lint.model.names.symbols import Module
from fastapi_lint.model.secrets.origins import origins
from fastapi_lint.model.values.literals import quoted
from fastapi_lint.model.values.texts import DOCUMENTED, target_name

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

Range = tuple[int, int]
_EXAMPLES = ("example", "schema_extra", "model_config", "placeholder")
_SHAPES = (*_EXAMPLES, "pattern", "regex")
_LONG = {"example": 2000, "examples": 2000, "placeholder": 300, "description": 300}
"""Keys of dicts with documentation, and how many bytes behind them are taken for it."""


def documented_ranges(module: Module, *, examples: bool = False) -> tuple[Range, ...]:
    """Byte ranges that hold documentation: examples, configuration of schemas; and unless only `examples` count,
    patterns, and what stands beside a placeholder or a description."""
    names = _EXAMPLES if examples else _SHAPES
    ranges = [(arg.start, arg.end) for call in module.facts.calls for arg in call.args if arg.name in DOCUMENTED]
    for entry in module.facts.assigns:
        name = target_name(entry.target).lower()
        if any(word in name for word in names):
            ranges.append((entry.start, entry.end))
    for each in quoted(module):
        if each.text in _LONG and (not examples or each.text.startswith("example")):
            ranges.append((each.end, each.end + _LONG[each.text]))
    return tuple(ranges)


def connecting_ranges(module: Module, project: Project) -> tuple[Range, ...]:
    """Byte ranges of what the calls of a module connect with: their URLs, and where these are assigned in it."""
    ranges: list[Range] = []
    for call in module.facts.calls:
        if called(module, call) not in secret_calls.connection_names():
            continue
        known = secret_calls.connection(project.called_name(module, call) or "")
        for i, arg in enumerate(call.args) if known is not None else ():
            if known is not None and (arg.name in known.keywords or (arg.name == "" and i == known.position)):
                ranges.append((arg.start, arg.end))
                starts = {
                    at for home, at in origins(arg.value, (module, call.block, call.start), project) if home is module
                }
                ranges += [(entry.start, entry.end) for entry in module.facts.assigns if entry.start in starts]
    return tuple(ranges)
