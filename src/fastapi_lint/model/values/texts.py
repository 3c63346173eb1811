"""Texts and the names they are bound to. Judges nothing."""

from __future__ import annotations

import re
import typing
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.expressions import called
from fastapi_lint.model.names.symbols import Class, Function, Module
from fastapi_lint.model.values.literals import Literal, literals_between
from fastapi_lint.model.values.readers import (
    default_of,
    environment_read,
    environment_written,
    is_environment,
    option_of,
)

How = typing.Literal["variable", "setting", "argument", "default", "key", "fallback", "written"]


@dataclass(frozen=True)
class BoundText:
    """A text, or bytes, and the name it is bound to.

    `how`: to a variable or attribute, a field with a default (`cls` is its class), a keyword argument, as a parameter's
    default, under the key of a dict, as what is taken when an environment variable is missing (`call` reads it), or
    written to such a variable. `start` and `end` are those of the binding; `place` finds the literal, the `nth` with
    this text in there. `beside` are the texts of the whole dict or call.
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
    nth: int = 0

    @property
    def place(self) -> tuple[int, int]:
        """The byte range of the literal; of several joined ones, from the first to the last."""
        found = [each for each in literals_between(self.module, self.start, self.end) if each.text == self.text]
        if not found:
            return self.start, self.end
        return found[min(self.nth, len(found) - 1)].place


_BUILT_IN = frozenset({"str", "bytes", "bytearray"})
"""Types that make a value only by their own name: the `str` of a reader, `env.str("KEY")`, is given a variable."""
_WRAPPERS = frozenset({"SecretStr", "SecretBytes", "Secret", *_BUILT_IN})
_DECODERS = frozenset({
    "fromhex", "b64decode", "urlsafe_b64decode", "standard_b64decode", "b32decode", "b16decode", "a85decode",
    "unhexlify", "a2b_hex", "a2b_base64",
})  # fmt: skip
"""Functions that make bytes of a text: what they are given is as good as what they give."""
_METHODS = frozenset({"encode", "decode", "strip", "lstrip", "rstrip", "get_secret_value", "hex"})
"""Methods after which a text is still the one that stands in the source."""
_FIELDS = frozenset({"Field", "field", "SettingsField"})
DOCUMENTED = frozenset({
    "example", "examples", "openapi_examples", "json_schema_extra", "description", "help", "responses", "openapi_extra",
    "title", "summary", "placeholder", "schema_extra", "metavar", "alias", "validation_alias",
})  # fmt: skip
"""Arguments that carry documentation and names, never values that are used."""
_HOLDERS = frozenset({f.CallRef, f.Choice, f.Mapping, f.Display})
"""Expressions in which a text may stand under a name."""
_LITERALS = frozenset({f.Const, f.Raw})


@lru_cache(maxsize=2)
def bound_texts(module: Module) -> tuple[BoundText, ...]:
    """Every text of a module that is bound to a name; examples in documentation and test settings aside."""
    return tuple(_bound_texts(module))


def example_texts(module: Module) -> Iterator[BoundText]:
    """The single texts of a module whose names say that they are examples: whether they are is seen where they are
    used."""
    for entry in module.facts.assigns:
        name = target_name(entry.target)
        if type(entry.value) in _LITERALS and "example" in name.lower():
            assert entry.value is not None
            yield from _Site(module, entry.block, entry.start, entry.end, entry).of(name, entry.value, "variable")


def texts_of_tests(module: Module) -> Iterator[BoundText]:
    """The texts in classes that are named for tests, which `bound_texts` leaves out."""
    if b"Test" in module.source.data:
        yield from _assigned_texts(module, of_tests=True)


def _bound_texts(module: Module) -> Iterator[BoundText]:
    yield from _assigned_texts(module, of_tests=False)
    for call in module.facts.calls:
        yield from _given(module, call)
    for function in module.functions:
        yield from _defaults(function)
    for exit_ in module.facts.exits:
        if isinstance(exit_.value, (f.Mapping, f.Display)):
            yield from _Site(module, exit_.block, exit_.start, exit_.end).of("", exit_.value, "key")
        elif isinstance(exit_.value, f.Choice) and exit_.kind == "return":  # `lambda: os.getenv("X") or "..."`
            yield from _Site(module, exit_.block, exit_.start, exit_.end).of("", exit_.value, "fallback")


def _assigned_texts(module: Module, *, of_tests: bool) -> Iterator[BoundText]:
    blocks = module.facts.blocks
    for entry in module.facts.assigns:
        name = target_name(entry.target)
        if name and ("example" in name.lower() or name in ("model_config", "__all__")):
            continue
        cls = module.classes[blocks[entry.block].cls] if blocks[entry.block].cls >= 0 else None
        if blocks[entry.block].function >= 0:
            cls = None
        is_test = cls is not None and is_named_for_tests(cls.qualname) and not _is_made_here(module, cls)
        if is_test is not of_tests:
            continue
        if type(entry.value) in _LITERALS or type(entry.value) in _HOLDERS:
            assert entry.value is not None
            how: How = "written" if _is_variable(entry.target) else "variable"
            site = _Site(module, entry.block, entry.start, entry.end, entry, cls)
            if isinstance(entry.target, f.Display) and isinstance(entry.value, f.Display):
                yield from _unpacked(site, entry.target, entry.value)
            else:
                yield from site.of(name, entry.value, how)
        if cls is not None and entry.value is None and isinstance(entry.annotation, f.Sub):
            for part in entry.annotation.items[1:]:  # Annotated[str, Field(default="...")]
                if isinstance(part, f.CallRef) and called(module, module.facts.calls[part.index]) in _FIELDS:
                    yield from _Site(module, entry.block, entry.start, entry.end, entry, cls).of(name, part, "variable")


def _is_variable(target: f.Expr) -> bool:
    """Whether an assignment is to an environment variable (`os.environ["X"] = ...`)."""
    return isinstance(target, f.Sub) and is_environment(target.value)


def _unpacked(site: _Site, target: f.Display, value: f.Display) -> Iterator[BoundText]:
    """`user, password = "shop", "..."`: each name with its own text."""
    if len(target.items) != len(value.items) or any(isinstance(each, f.Star) for each in target.items):
        return
    for name, item in zip(target.items, value.items, strict=True):
        yield from site.of(target_name(name), item, "variable")


def _given(module: Module, call: f.Call) -> Iterator[BoundText]:
    """What a call is given under names, and what it reads or writes outside."""
    written = list(environment_written(call))
    for arg in call.args:
        kind = type(arg.value)
        if kind not in _HOLDERS and not (kind in _LITERALS and arg.name):
            continue
        if arg.name not in DOCUMENTED and all(arg is not other for _, _, other in written):
            name, texts = arg.name.strip("*"), _texts(each.value for each in call.args)
            site = _Site(module, call.block, arg.start, arg.end, None, None, call)
            yield from site.of(name, arg.value, "argument", texts)
    for name, value, arg in written:
        yield from _Site(module, call.block, arg.start, arg.end, None, None, call).of(name, value, "written")
    variable = environment_read(module, call)
    default = default_of(call) if variable is not None else None
    if variable is not None and default is not None:
        yield from _Site(module, call.block, default.start, default.end, None, None, call).of(
            variable, default.value, "fallback"
        )
    option = option_of(call)
    given = f.keyword(call, "default") if option is not None else None
    if option is not None and given is not None:
        own, variable = option
        yield from _Site(module, call.block, given.start, given.end, None, None, call).of(
            variable or own, given.value, "fallback" if variable else "default"
        )


def _defaults(function: Function) -> Iterator[BoundText]:
    """The defaults of a function's parameters; those of options that are read from a variable are its fallbacks."""
    module = function.module
    for param in function.params:
        if param.default is None:
            continue
        site = _Site(module, function.facts.outer, param.start, param.end)
        metadata = param.annotation.items[1:] if isinstance(param.annotation, f.Sub) else ()
        options = (option_of(module.facts.calls[each.index]) for each in metadata if isinstance(each, f.CallRef))
        variable = next((option[1] for option in options if option is not None), "")
        value = param.default
        if isinstance(value, f.CallRef) and (option := option_of(call := module.facts.calls[value.index])):
            first = call.args[0] if call.args and call.args[0].name == "" else None
            if first is None or (isinstance(first.value, f.Const) and str(first.value.value).startswith("--")):
                continue
            variable, value = option[1], first.value
            site = replace(site, block=call.block, start=first.start, end=first.end)
        yield from site.of(variable or param.name, value, "fallback" if variable else "default")


def _texts(values: Iterable[f.Expr]) -> tuple[str, ...]:
    return tuple(each.value for each in values if isinstance(each, f.Const) and isinstance(each.value, str))


def _made_of(module: Module, call: f.Call) -> f.Expr | None:
    """What a call only makes something else of, as good as what it is given; None for other calls."""
    made = called(module, call)
    first = call.args[0].value if call.args and call.args[0].name == "" else None
    wraps = made in _WRAPPERS and len(call.args) <= 2 and (type(call.func) is f.Name or made not in _BUILT_IN)
    if first is not None and (wraps or made in _DECODERS):
        return first
    return call.func.value if made in _METHODS and isinstance(call.func, f.Attr) else None


def unwrapped(module: Module, value: f.Expr) -> f.Expr:
    """A value without what only makes bytes or a secret of it: the text of `"...".encode()`, `SecretStr("...")`."""
    while isinstance(value, f.CallRef) and (inner := _made_of(module, module.facts.calls[value.index])) is not None:
        value = inner
    return value


def _is_made_here(module: Module, cls: Class) -> bool:
    """Whether the module makes an object of a class when it is imported, whatever is configured."""
    return any(
        entry.block == 0
        and isinstance(entry.value, f.CallRef)
        and module.facts.calls[entry.value.index].func == f.Name(cls.name)
        for entry in module.facts.assigns
    )


def is_named_for_tests(qualname: str) -> bool:
    """Whether a class or function says by its name that it serves tests (`TestSettings`, `SettingsForTesting`)."""
    return _TEST_NAME.search(qualname) is not None


_TEST_NAME = re.compile(r"(?:\A|[_.a-z])Test(?:s|ing)?(?![a-z])")


def target_name(target: f.Expr) -> str:
    """The name that an assignment gives: of a variable, an attribute, or a text as subscript; else empty."""
    match target:
        case f.Name(id=name) | f.Attr(attr=name) | f.Sub(items=(f.Const(value=str(name)),)):
            return name
    return ""


@dataclass(frozen=True)
class _Site:
    """Where a value stands that names are given to, and how often each text was met in there already."""

    module: Module
    block: int
    start: int
    end: int
    binding: f.Assign | None = None
    cls: Class | None = None
    call: f.Call | None = None
    counts: dict[str, int] = field(default_factory=dict)

    def of(self, name: str, value: f.Expr, how: How, beside: tuple[str, ...] = ()) -> Iterator[BoundText]:
        """What a value binds to a name, and the parts of it to their own."""
        match value:
            case f.Const(value=str(text)):
                yield from self._bound(name, text, how, beside)
            case f.Raw(kind="bytes"):
                literal = self._literal()
                if literal is not None:
                    yield from self._bound(name, literal.text, how, beside)
            case f.CallRef(index=index):
                yield from self._made(name, self.module.facts.calls[index], how)
            case f.Choice(options=options) if how != "key":
                read = next((found for option in options if (found := self._reads(option))), None)
                for option in options:
                    if type(option) in _LITERALS and (read or name):
                        yield from self.of(read or name, option, "fallback" if read else how)
            case f.Mapping(items=items):
                texts = _texts(item for _, item in items)
                for key, item in items:
                    if isinstance(key, f.Const) and isinstance(key.value, str) and key.value not in DOCUMENTED:
                        self._count(key.value)
                        yield from self.of(key.value, item, "key", texts)
            case f.Display(items=items):
                for item in items:
                    if isinstance(item, (f.Mapping, f.Display)):
                        yield from self.of("", item, "key")
                    elif isinstance(item, f.Const) and isinstance(item.value, str):
                        self._count(item.value)

    def _bound(self, name: str, text: str, how: How, beside: tuple[str, ...]) -> Iterator[BoundText]:
        nth = self._count(text)
        if name:
            kind: How = "setting" if self.cls is not None and how == "variable" else how
            yield BoundText(
                self.module, name, text, kind, self.block, self.start, self.end, self.call, self.cls, self.binding,
                beside, nth,
            )  # fmt: skip

    def _count(self, text: str) -> int:
        nth = self.counts.get(text, 0)
        self.counts[text] = nth + 1
        return nth

    def _literal(self) -> Literal | None:
        """The next bytes literal of the value."""
        found = [each for each in literals_between(self.module, self.start, self.end) if each.is_bytes]
        nth = self._count(_BYTES)
        return found[nth] if nth < len(found) else None

    def _reads(self, value: f.Expr) -> str | None:
        match value:
            case f.Sub(value=owner, items=(f.Const(value=str(name)),)) if is_environment(owner):
                return name
        if not isinstance(value, f.CallRef):
            return None
        return environment_read(self.module, self.module.facts.calls[value.index])

    def _made(self, name: str, call: f.Call, how: How) -> Iterator[BoundText]:
        """`Field(default="x")`, `SecretStr("x")`, `b"x".decode()`: the text that stands for the whole."""
        inner = _made_of(self.module, call)
        if inner is not None:
            yield from self.of(name, inner, how)
        elif called(self.module, call) in _FIELDS and self.cls is not None:
            for i, arg in enumerate(call.args):
                if arg.name == "default" or (arg.name == "" and i == 0):
                    inside = replace(self, block=call.block, start=arg.start, end=arg.end, call=call, counts={})
                    yield from inside.of(name, arg.value, how)


_BYTES = "\0bytes"
