"""What calls of libraries make of texts, as the catalogue says: what goes in, and what of it comes out where.

Methods whose object is not known are taken by their names for those of texts, lists and dicts.
"""

from __future__ import annotations

from dataclasses import replace

from fastapi_lint import catalog
from fastapi_lint.catalog.format import Passing
from fastapi_lint.index import facts as f
from fastapi_lint.model.names.expressions import called
from fastapi_lint.model.names.symbols import External, FunctionObject
from fastapi_lint.model.taint.asking import Asks
from fastapi_lint.model.taint.calling.formatting import Formatting
from fastapi_lint.model.taint.strands import (
    CUT,
    EACH,
    KEYS,
    NUMBER,
    SHORN,
    SOME,
    UNKNOWN,
    Path,
    Slot,
    Value,
    cleaned,
    concatenated,
    continued,
    decoded,
    flattened,
    has_strands,
    mapped,
    resolved,
    substituted,
    union,
)
from fastapi_lint.model.types.inference.inference import Where

_HOSTS = frozenset({".netloc", ".hostname", ".host", ".authority"})
_BUILTIN = frozenset({
    "str", "bytes", "bytearray", "dict", "list", "set", "tuple", "frozenset", "typing.Mapping", "typing.Sequence",
    "typing.BinaryIO",
})  # fmt: skip
_NAMES = frozenset({".filename", ".name", ".path", ".linkname", ".orig_filename"})
"""What an entry of an archive is called; the rest of it is numbers and flags."""
_NAMED = "a name in it"
_FETCHES = frozenset({"fetchone", "fetchall", "fetchmany", "fetchval", "fetchrow"})
_WRITES = ("insert", "update", "delete", "replace", "merge")
"""How statements begin whose rows say nothing of what was looked for."""


class Libraries:
    """Answers "what does this call of a library give"."""

    def __init__(self, asks: Asks, texts: Formatting) -> None:
        self.asks = asks
        self._texts = texts

    def method(
        self, cls: str, name: str, call: f.Call, args: tuple[f.Arg, ...], where: Where, path: Path, depth: int
    ) -> Value | None:
        """What a method of a library's class gives; None when nothing is known of it."""
        receiver = call.func.value if isinstance(call.func, f.Attr) else None
        if f"{name}()" in self.asks.known.attributes(cls) and receiver is not None:
            return self.asks.value(receiver, where, (f"{name}()", *path), depth)
        passing = self.asks.known.passing_method(cls, name)
        if passing is not None:
            return self.passed(passing, call, args, where, path, depth)
        is_mapping = cls in _BUILTIN or cls.startswith("starlette.datastructures.")
        if receiver is not None and (is_mapping or self.asks.known.attributes(cls)):
            return self.by_name(call.func, call, args, where, path, depth)  # type: ignore[arg-type]
        return None

    def by_name(
        self, func: f.Attr, call: f.Call, args: tuple[f.Arg, ...], where: Where, path: Path, depth: int
    ) -> Value | None:
        """Methods of texts, lists and dicts, whatever the object is."""
        asks, receiver = self.asks, func.value
        match func.attr, args:
            case "format", _ if not path:
                return self._texts.braces(receiver, args, where, depth)
            case "format_map", (only,) if not only.name and not path:
                return self._texts.braces(receiver, (f.Arg("**", only.value, only.start, only.end),), where, depth)
            case "join", (only,) if not only.name and not path:
                return self._texts.joined(receiver, only.value, where, depth)
            case "replace", (old, new, *_) if not path:
                return self._texts.replaced(receiver, old.value, new.value, where, depth)
            case "sub", (_, text, *_) if not path and not text.name:
                found = self._texts.substituted(receiver, text.value, where, depth)
                return found if has_strands(found) else None
            case "read", _ if not path:
                found = asks.value(receiver, where, (), depth)
                return found if has_strands(found) else None
        passing = asks.known.passing_by_name(func.attr)
        if passing is None and func.attr.startswith(("model_", "get_secret")):
            passing = asks.known.passing_method("pydantic.BaseModel", func.attr) or asks.known.passing_method(
                "pydantic.SecretStr", func.attr
            )
        if passing is None:
            for cls in ("fastapi.WebSocket", "fastapi.Request", "starlette.datastructures.UploadFile"):
                if f"{func.attr}()" in asks.known.attributes(cls):
                    found = asks.value(receiver, where, (f"{func.attr}()", *path), depth)
                    return found if has_strands(found) else None
            return None
        return self.passed(passing, call, args, where, path, depth)

    def _taken(self, passing: Passing, call: f.Call, args: tuple[f.Arg, ...]) -> list[f.Expr]:
        """The expressions from which a call takes what it passes on."""
        positional = [arg.value for arg in args if arg.name == ""]
        found: list[f.Expr] = []
        for each in passing.takes:
            if each == "self":
                if isinstance(call.func, f.Attr):
                    found.append(call.func.value)
            elif each == "*":
                found += [one for one in positional if one not in found]
                if passing.gives == "joined":
                    found += [f.Star(arg.value) for arg in args if arg.name == "*"]
            elif each == "**":
                found += [arg.value for arg in args if arg.name not in ("", "*")]
            elif each.isdigit():
                if int(each) < len(positional):
                    found.append(positional[int(each)])
            elif (arg := next((arg for arg in args if arg.name == each), None)) is not None:
                found.append(arg.value)
        return found

    def passed(
        self, passing: Passing, call: f.Call, args: tuple[f.Arg, ...], where: Where, path: Path, depth: int
    ) -> Value:
        """What a call of a library gives on, as the catalogue says."""
        found = self._given(passing, call, args, self._taken(passing, call, args), where, path, depth)
        if not has_strands(found):
            return found
        if passing.part:
            text = CUT + where[0].source.slice(call.start, call.end)
            found = mapped(found, lambda strand: replace(strand, part=strand.part or text))
        if f.last_name(call.func) in ("lstrip", "strip", "removeprefix", "translate") and args:
            found = cleaned(found, {SHORN})
        if f.last_name(call.func) in ("lstrip", "strip") and any(arg.value == f.Const("/") for arg in args):
            found = cleaned(found, {"/none"})  # it begins with no slash
        if f.last_name(call.func) == "copy_with" and any(arg.name in ("host", "netloc") for arg in args):
            found = cleaned(found, {"url", "redirect"})  # another host takes the place of its own
        if passing.decodes:
            found = mapped(found, decoded)
        if passing.resolved:
            found = resolved(found, by_itself=called(where[0], call) == "normpath")
        return cleaned(found, passing.removes)

    def _given(
        self, passing: Passing, call: f.Call, args: tuple[f.Arg, ...], taken: list[f.Expr], where: Where, path: Path,
        depth: int,
    ) -> Value:  # fmt: skip
        asks, rest = self.asks, path[1:]

        def of(*inner: str | int) -> Value:
            return union(asks.value(one, where, (*inner, *rest), depth) for one in taken) if taken else UNKNOWN

        match passing.gives:
            case "nothing":
                return NUMBER
            case "items" | "values" | "keys" | "numbered" | "zipped" | "mapped" if path[:1] == (KEYS,):
                return UNKNOWN  # they give things in a row, which has no keys
            case "another":
                return self.unknown(call, args, where, depth) if asks.checking else NUMBER
            case "same":
                return union(asks.value(one, where, path, depth) for one in taken) if taken else UNKNOWN
            case "parts":
                found = union(asks.value(one, where, (), depth) for one in taken) if taken else UNKNOWN
                return cleaned(found, {"path"}) if _cuts_folders(call, args, path) else found
            case "text" | "stem":
                found = union(asks.value(one, where, (), depth) for one in taken) if taken else UNKNOWN
                is_ending = passing.gives == "stem" and path[:1] == (1,)
                return cleaned(found, {"path"}) if is_ending else found
            case "names":
                if any(isinstance(key, str) and key.startswith(".") and key not in _NAMES for key in path):
                    return NUMBER
                found = union(asks.value(one, where, (), depth) for one in taken) if taken else UNKNOWN
                return mapped(found, lambda strand: replace(strand, safe=strand.safe - {"path"}, part=_NAMED))
            case "parsed":
                found = union(asks.value(one, where, (), depth) for one in taken) if taken else UNKNOWN
                if path and path[0] == ".port":
                    return NUMBER
                if path and path[0] in _HOSTS:
                    return mapped(found, lambda strand: replace(strand, part="host"))
                if path and path[0] not in (".geturl",):
                    part = str(path[0])
                    return mapped(found, lambda strand: replace(strand.without({"url", "redirect"}), part=part))
                return found
            case "joined":
                parts: list[Value] = []
                for one in taken:
                    item = asks.value(one.value, where, (EACH,), depth) if isinstance(one, f.Star) else None
                    parts += [item or asks.value(one, where, (), depth), (("/",),)]
                return concatenated(parts[:-1]) if parts else UNKNOWN
            case "element":
                return union(asks.value(one, where, (EACH, *path) if len(taken) == 1 else path, depth) for one in taken)
            case "item":
                return self._looked_up(args, taken, where, path, depth)
            case "items" if len(path) >= 2 and path[1] in (0, 1):
                key = KEYS if path[1] == 0 else EACH
                return union(asks.value(one, where, (key, *path[2:]), depth) for one in taken)
            case "values":
                return of(EACH)
            case "keys":
                return of(KEYS)
            case "numbered" if len(path) >= 2:
                return NUMBER if path[1] == 0 else union(asks.value(o, where, (EACH, *path[2:]), depth) for o in taken)
            case "zipped" if len(path) >= 2 and isinstance(path[1], int) and path[1] < len(taken):
                return asks.value(taken[path[1]], where, (EACH, *path[2:]), depth)
            case "mapped" if path and args:
                return self._mapped(args[0].value, taken, where, rest, depth)
        return flattened(union(asks.value(one, where, (EACH,), depth) for one in taken)) if taken else UNKNOWN

    def _looked_up(self, args: tuple[f.Arg, ...], taken: list[f.Expr], where: Where, path: Path, depth: int) -> Value:
        """`mapping.get(key, default)`."""
        positional = [arg.value for arg in args if arg.name == ""]
        key: str | int = SOME
        if positional and isinstance(positional[0], f.Const) and isinstance(positional[0].value, (str, int)):
            key = positional[0].value
        found = [self.asks.value(one, where, (key, *path), depth) for one in taken]
        found += [self.asks.value(one, where, path, depth) for one in positional[1:2]]
        if self.asks.checking and positional:
            looked_up = self.asks.value(positional[0], where, (), depth)
            found.append(mapped(looked_up, lambda strand: replace(strand, opaque=True)))
        return union(found)

    def _mapped(self, function: f.Expr, taken: list[f.Expr], where: Where, path: Path, depth: int) -> Value:
        """`map(function, items)`."""
        found = union(self.asks.value(one, where, (EACH, *path), depth) for one in taken)
        target = self.asks.types.infer(function, where)
        if isinstance(target, External):
            passing = self.asks.known.passing(target.name)
            if passing is None or passing.gives == "nothing":
                return NUMBER if passing is not None or catalog.is_builtin(target.name) else UNKNOWN
            return cleaned(found, passing.removes)
        if isinstance(target, FunctionObject) and target.function.params:
            first = target.function.params[0]
            given = self.asks.returned(target.function, path, False, depth)
            return substituted(
                given,
                lambda strand: (
                    mapped(found, lambda outer: continued(outer, strand))
                    if isinstance(strand.origin, Slot) and strand.origin.param == first
                    else UNKNOWN
                ),
            )
        return UNKNOWN

    def unknown(self, call: f.Call, args: tuple[f.Arg, ...], where: Where, depth: int) -> Value:
        """Nothing; for whoever asks what a test looks at, everything that goes in."""
        if not self.asks.checking:
            return UNKNOWN
        given = [arg.value for arg in args]
        if isinstance(call.func, f.Attr):
            given.append(call.func.value)
            if call.func.attr in _FETCHES:
                given += _asked_for(call, call.func.value, where)
        found = union(self.asks.value(each, where, (), depth) for each in given)
        return mapped(flattened(found), lambda strand: replace(strand, opaque=True))


def _asked_for(call: f.Call, cursor: f.Expr, where: Where) -> list[f.Expr]:
    """What a cursor was given to look for by the last `execute` before what it found is fetched."""
    module = where[0]
    earlier = [
        one
        for one in module.calls_in.get(module.facts.blocks[call.block].function, ())
        if one.end <= call.start and isinstance(one.func, f.Attr) and one.func.value == cursor
    ]
    asked = [one for one in earlier if f.last_name(one.func) == "execute" and one.args]
    if not asked:
        return []
    statement, *given = (arg.value for arg in asked[-1].args)
    is_written = isinstance(statement, f.Const) and str(statement.value).lstrip().lower().startswith(_WRITES)
    return [] if is_written else given


def _cuts_folders(call: f.Call, args: tuple[f.Arg, ...], path: Path) -> bool:
    """Whether what is taken out of `split("/")` and its like has no slash in it."""
    separator = args[0].value if args else None
    if not isinstance(separator, f.Const) or separator.value not in ("/", "\\"):
        return False
    name = f.last_name(call.func)
    if name == "split" and len(args) == 1:
        return True
    return name in ("rsplit", "rpartition", "partition") and path[:1] in ((-1,), (1,), (2,)) and name != "partition"
