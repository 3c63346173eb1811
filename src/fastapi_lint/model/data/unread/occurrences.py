"""Where the text of a module may read an attribute or a variable of some name. Resolves nothing: what only looks like a
read is one."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Module
from fastapi_lint.model.values.literals import quoted_at
from fastapi_lint.model.values.readers import environment_read, environment_written

_SPACE = b" \t\r\n\\"
_ENDS = re.compile(r"[.:]")
_FIELDS = frozenset({"Field", "AliasChoices", "validation_alias", "env", "alias"})


def reads(module: Module, name: str, *, home: bool, is_attribute: bool) -> Iterator[int]:
    """The places at which a module may read what is bound to a name in a class's body (`is_attribute`) or at the top of
    a module.

    `home`: the module is the one that binds it, where the bare name reads it. Elsewhere a bare name is another thing
    than an attribute. A text that is the name, or a path that ends with it, counts (`getattr(settings, "name")`),
    unless a variable of the environment is read or written by it.
    """
    if not module.mentions(name):
        return
    data = module.text
    for found in re.finditer(rb"(?<!\w)" + re.escape(name.encode()) + rb"(?!\w)", data):
        start = found.start()
        if (literal := quoted_at(module, start)) is not None and not literal.formatted:
            if (
                literal.text.endswith(name)
                and _ENDS.split(literal.text)[-1] == name
                and not _names_variable(module, name, start)
            ):
                yield start
            continue
        is_code = literal is not None or not (_in_comment(module, start) or _is_keyword(module, start))
        if not is_code or _is_bound(module, name, start):
            continue
        if not is_attribute or home or data[:start].rstrip(_SPACE).endswith(b"."):
            yield start


def _names_variable(module: Module, name: str, at: int) -> bool:
    """Whether a text is the name of an environment variable, or that of one for a field, and nothing else."""
    before = module.text[max(0, at - 40) : at].rstrip(b"\"'" + _SPACE)
    if before.endswith(b"environ["):
        return True
    around = [call for call in module.facts.calls if call.start <= at < call.end]
    if not around:
        return False
    inner = max(around, key=lambda call: call.start)
    if environment_read(module, inner) == name or f.last_name(inner.func) in _FIELDS:
        return True
    return any(written == name for written, _, _ in environment_written(inner))


def _in_comment(module: Module, at: int) -> bool:
    data = module.text
    line = data.rfind(b"\n", 0, at) + 1
    return any(quoted_at(module, line + each.start()) is None for each in re.finditer(rb"#", data[line:at]))


def _is_bound(module: Module, name: str, at: int) -> bool:
    """Whether a name stands there to be given a value, in the body of a class or at the top of a module."""
    blocks = module.facts.blocks
    return any(
        entry.start == at and entry.target == f.Name(name) and blocks[entry.block].function < 0
        for entry in module.facts.assigns
    )


def _is_keyword(module: Module, at: int) -> bool:
    return any(
        arg.start == at and arg.name not in ("", "*", "**")
        for call in module.facts.calls
        if call.start <= at < call.end
        for arg in call.args
    )
