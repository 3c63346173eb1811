"""String literals with their places, and the names they are bound to. Judges nothing.

Facts keep what a literal says but not where it stands; a scan over the bytes gives the place back. The scan knows
strings, comments and brackets only, and reads an f-string with its own quotes inside as two.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import Literal

from fastapi_lint.index import facts as f
from fastapi_lint.index.literals import content
from fastapi_lint.model.names.symbols import Class, Module

_TOKEN = re.compile(
    rb"#[^\r\n]*"
    rb"|(?P<open>[(\[{])|(?P<close>[)\]}])"
    rb"|(?P<prefix>(?<![\w])[rRbBuUfFtT]{1,2})?"
    # An open string goes on to the end of its line or text: to try again at each quote in it would be quadratic.
    rb"(?P<text>\"\"\"(?:[^\\\"]|\\.|\"(?!\"\"))*(?:\"\"\"|\\?\Z)|'''(?:[^\\']|\\.|'(?!''))*(?:'''|\\?\Z)"
    rb"|\"(?:[^\\\"\r\n]|\\(?:\r\n|.))*\"?|'(?:[^\\'\r\n]|\\(?:\r\n|.))*'?)",
    re.DOTALL,
)
_BEFORE = re.compile(rb"(?:\A|[\r\n;:])[ \t\f]*\Z")


@dataclass(frozen=True)
class Quoted:
    """A string literal: byte range with prefix and quotes, and the range of what stands between the quotes.

    `text` is what it says (the source text of a formatted one); `alone` means that it is a statement of its own: a
    docstring or code that is commented out.
    """

    start: int
    end: int
    body_start: int
    body_end: int
    text: str
    formatted: bool
    alone: bool


@lru_cache(maxsize=8)
def quoted(module: Module) -> tuple[Quoted, ...]:
    """Every string literal of a module, in order."""
    return tuple(_scan(module.text))


def _scan(data: bytes) -> Iterator[Quoted]:
    depth = 0
    for match in _TOKEN.finditer(data):
        if match["open"]:
            depth += 1
        elif match["close"]:
            depth = max(0, depth - 1)
        elif match["text"]:
            start, end = match.span()
            body = match["text"]
            size = 3 if body[:3] in (b'"""', b"'''") else 1
            letters = (match["prefix"] or b"").lower()
            formatted = b"f" in letters or b"t" in letters
            inner = body[size : len(body) - size]
            alone = depth == 0 and _BEFORE.search(data[max(0, start - 200) : start]) is not None
            alone = alone and not _continued(data, start)
            first = match.start("text") + size
            yield Quoted(start, end, first, first + len(inner), _said(letters, inner, formatted), formatted, alone)


def _continued(data: bytes, start: int) -> bool:
    return data[max(0, start - 200) : start].rstrip(b" \t\f").rstrip(b"\r\n").endswith(b"\\")


def _said(letters: bytes, inner: bytes, formatted: bool) -> str:
    if not formatted and b"\\" in inner:
        said = content(inner.decode("latin-1"), b"r" in letters)
        if said is not None:
            return said
    return inner.decode("utf-8", "replace")


def quoted_at(module: Module, offset: int) -> Quoted | None:
    """The string literal around a byte offset."""
    found = quoted(module)
    index = bisect_left(found, offset + 1, key=lambda each: each.start) - 1
    return found[index] if index >= 0 and found[index].start <= offset < found[index].end else None


def quoted_between(module: Module, start: int, end: int) -> tuple[Quoted, ...]:
    """The string literals inside a byte range."""
    found = quoted(module)
    first = bisect_left(found, start, key=lambda each: each.start)
    return found[first : bisect_left(found, end, lo=first, key=lambda each: each.start)]


How = Literal["variable", "setting", "argument", "default", "key", "fallback"]


@dataclass(frozen=True)
class BoundText:
    """A text and the name it is bound to.

    `how`: to a variable or attribute, a field with a default (`cls` is its class), a keyword argument, as a parameter's
    default, under the key of a dict, or as what is taken when an environment variable is missing (`call` reads it).
    `start` and `end` are those of the binding; `place` finds the literal. `beside` are the texts of the whole dict
    or call.
    """

    module: Module = field(repr=False)
    name: str
    text: str
    how: How
    block: int
    start: int
    end: int
    call: f.Call | None = field(default=None, repr=False)
    cls: Class | None = field(default=None, repr=False)
    binding: f.Assign | None = field(default=None, repr=False)
    beside: tuple[str, ...] = ()

    @property
    def place(self) -> tuple[int, int]:
        """The byte range of the literal; of several joined ones, from the first to the last."""
        inside = [each for each in quoted_between(self.module, self.start, self.end) if not each.formatted]
        if self.how == "key":
            for key, value in pairwise(inside):
                between = self.module.text[key.end : value.start].strip()
                if key.text == self.name and value.text == self.text and between == b":":
                    return value.start, value.end
        for each in reversed(inside):
            if each.text == self.text:
                return each.start, each.end
        pieces = [each for each in inside if each.text and each.text in self.text]
        return (pieces[0].start, pieces[-1].end) if pieces else (self.start, self.end)


_WRAPPERS = frozenset({"SecretStr", "SecretBytes", "str", "Secret"})
_FIELDS = frozenset({"Field", "field", "SettingsField"})
_READERS = frozenset({"getenv", "get", "config", "env", "setdefault", "str", "pop"})
DOCUMENTED = frozenset({
    "example", "examples", "openapi_examples", "json_schema_extra", "description", "help", "responses", "openapi_extra",
    "title", "summary", "placeholder", "schema_extra", "metavar", "alias", "validation_alias",
})  # fmt: skip
"""Arguments that carry documentation and names, never values that are used."""


_HOLDERS = frozenset({f.CallRef, f.Choice, f.Mapping, f.Display})
"""Expressions in which a text may stand under a name."""


@lru_cache(maxsize=2)
def bound_texts(module: Module) -> tuple[BoundText, ...]:
    """Every text of a module that is bound to a name; empty ones, examples in documentation and test settings aside."""
    return tuple(_bound_texts(module))


def _bound_texts(module: Module) -> Iterator[BoundText]:
    blocks = module.facts.blocks
    for entry in module.facts.assigns:
        name = target_name(entry.target)
        if name and ("example" in name.lower() or name in ("model_config", "__all__")):
            continue
        cls = module.classes[blocks[entry.block].cls] if blocks[entry.block].cls >= 0 else None
        if blocks[entry.block].function >= 0:
            cls = None
        if cls is not None and is_named_for_tests(cls.qualname):
            continue
        if entry.value is not None:
            yield from _of(module, name, entry.value, "variable", entry.block, entry.start, entry.end, entry, cls)
    for call in module.facts.calls:
        for arg in call.args:
            kind = type(arg.value)
            if (kind in _HOLDERS or (kind is f.Const and arg.name)) and arg.name not in DOCUMENTED:
                name, texts = arg.name.strip("*"), _texts(each.value for each in call.args)
                yield from _of(
                    module, name, arg.value, "argument", call.block, arg.start, arg.end, None, None, call, texts
                )
        yield from _read(module, call)
    for function in module.functions:
        for param in function.params:
            if param.default is not None:
                outer = function.facts.outer
                yield from _of(module, param.name, param.default, "default", outer, param.start, param.end)
    for exit_ in module.facts.exits:
        if isinstance(exit_.value, (f.Mapping, f.Display)):
            yield from _of(module, "", exit_.value, "key", exit_.block, exit_.start, exit_.end)


def _texts(values: Iterable[f.Expr]) -> tuple[str, ...]:
    return tuple(each.value for each in values if isinstance(each, f.Const) and isinstance(each.value, str))


def written_for_tests(module: Module) -> bool:
    """Whether a module is test code, or its file or a folder around it is called for that: `mocks/`, `docs/conf.py`.

    The whole name has to say so: `google_docs.py` and `mock_gateway.py` are programs.
    """
    parts = module.path.lower().removesuffix(".py").split("/")
    return module.is_test or not _TESTING.isdisjoint(parts)


def is_named_for_tests(qualname: str) -> bool:
    """Whether a class or function says by its name that it serves tests (`TestSettings`, `SettingsForTesting`)."""
    return _TEST_NAME.search(qualname) is not None


_TEST_NAME = re.compile(r"(?:\A|[_.a-z])Test(?:s|ing)?(?![a-z])")
_TESTING = frozenset(
    {"test", "tests", "testing", "e2e", "mock", "mocks", "fixture", "fixtures", "docs", "doc", "conftest"}
)


def target_name(target: f.Expr) -> str:
    """The name that an assignment gives: of a variable, an attribute, or a text as subscript; else empty."""
    match target:
        case f.Name(id=name) | f.Attr(attr=name) | f.Sub(items=(f.Const(value=str(name)),)):
            return name
    return ""


def _of(
    module: Module,
    name: str,
    value: f.Expr,
    how: How,
    block: int,
    start: int,
    end: int,
    binding: f.Assign | None = None,
    cls: Class | None = None,
    call: f.Call | None = None,
    beside: tuple[str, ...] = (),
) -> Iterator[BoundText]:
    match value:
        case f.Const(value=str(text)):
            if text and name:
                kind: How = "setting" if cls is not None and how == "variable" else how
                yield BoundText(module, name, text, kind, block, start, end, call, cls, binding, beside)
        case f.CallRef(index=index) if how in ("variable", "argument", "default"):
            yield from _made(module, name, module.facts.calls[index], how, start, end, binding, cls, call)
        case f.Choice(options=options) if how in ("variable", "argument"):
            read = next((found for option in options if (found := _reads(module, option))), None)
            for option in options:
                if isinstance(option, f.Const) and isinstance(option.value, str) and option.value and (read or name):
                    chosen: How = "fallback" if read else how
                    yield BoundText(module, read or name, option.value, chosen, block, start, end, None, cls, binding)
        case f.Mapping(items=items):
            texts = _texts(item for _, item in items)
            for key, item in items:
                if isinstance(key, f.Const) and isinstance(key.value, str) and key.value not in DOCUMENTED:
                    yield from _of(module, key.value, item, "key", block, start, end, beside=texts)
        case f.Display(items=items):
            for item in items:
                if isinstance(item, (f.Mapping, f.Display)):
                    yield from _of(module, "", item, "key", block, start, end)


def _made(
    module: Module,
    name: str,
    call: f.Call,
    how: How,
    start: int,
    end: int,
    binding: f.Assign | None,
    cls: Class | None,
    around: f.Call | None,
) -> Iterator[BoundText]:
    """`Field(default="x")`, `SecretStr("x")`: the text that stands for the whole."""
    called = f.last_name(call.func)
    if called in _WRAPPERS and len(call.args) == 1 and call.args[0].name == "":
        yield from _of(module, name, call.args[0].value, how, call.block, start, end, binding, cls, around)
    elif called in _FIELDS and cls is not None:
        for i, arg in enumerate(call.args):
            if arg.name == "default" or (arg.name == "" and i == 0):
                yield from _of(module, name, arg.value, how, call.block, arg.start, arg.end, binding, cls, call)


def _reads(module: Module, value: f.Expr) -> str | None:
    return environment_read(module, module.facts.calls[value.index]) if isinstance(value, f.CallRef) else None


def environment_read(module: Module, call: f.Call) -> str | None:
    """The environment variable that a call reads (`os.getenv`, `environ.get`, `config` of starlette and decouple)."""
    called = f.last_name(call.func)
    if called not in _READERS or not call.args or not isinstance(call.args[0].value, f.Const):
        return None
    name = call.args[0].value.value
    if not isinstance(name, str) or call.args[0].name not in ("", "key", "name"):
        return None
    match call.func:
        case f.Name(id="getenv" | "config" | "env"):
            return name
        case f.Attr(value=f.Name(id="os"), attr="getenv"):
            return name
        case f.Attr(value=f.Attr(attr="environ") | f.Name(id="environ"), attr="get" | "setdefault" | "pop"):
            return name
        case f.Attr(value=f.Name(id="env"), attr="str" | "get"):
            return name
    return None


def _read(module: Module, call: f.Call) -> Iterator[BoundText]:
    """The default of a call that reads an environment variable."""
    name = environment_read(module, call)
    if name is None:
        return
    for i, arg in enumerate(call.args):
        if arg.name == "default" or (arg.name == "" and i == 1):
            if isinstance(arg.value, f.CallRef):
                inner = module.facts.calls[arg.value.index]
                value = (
                    inner.args[0].value if f.last_name(inner.func) in _WRAPPERS and len(inner.args) == 1 else arg.value
                )
            else:
                value = arg.value
            if isinstance(value, f.Const) and isinstance(value.value, str) and value.value:
                yield BoundText(module, name, value.value, "fallback", call.block, arg.start, arg.end, call)
