"""What calls of loggers and `print` write down of passwords, tokens and keys, by names, types and origins.

A name that may be a word of a text (`token`) needs something that shows that it is a credential. Judges nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from fastapi_lint.catalog.secrecy import secrets
from fastapi_lint.index import facts as f
from fastapi_lint.model.names.expressions import walk
from fastapi_lint.model.names.symbols import Class, FunctionObject, Instance, Module
from fastapi_lint.model.secrets.fleeting import is_of_this_process
from fastapi_lint.model.secrets.logs.addresses import password_in
from fastapi_lint.model.secrets.logs.credentials import HOLDERS, Credentials
from fastapi_lint.model.secrets.logs.held import holds_secret, is_named_secret, is_vague, spelled
from fastapi_lint.model.secrets.surroundings import runs_as_script
from fastapi_lint.model.taint import HARMLESS
from fastapi_lint.model.types.inference.inference import Where

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_LEVELS = frozenset({
    "debug", "info", "warning", "warn", "error", "exception", "critical", "fatal", "log", "trace", "success",
})  # fmt: skip
_LOGGERS = ("logging.", "loguru.logger.", "structlog.", "fastapi.logger.logger.", "uvicorn.")
_MAKERS = frozenset({"structlog.get_logger", "structlog.stdlib.get_logger", "structlog.getLogger", "logging.getLogger"})
_SHOWS = frozenset({
    "str", "repr", "json.dumps", "dict", "pprint.pformat", "fastapi.encoders.jsonable_encoder", "orjson.dumps",
})  # fmt: skip
_TEXTS = frozenset({"str", "repr", "json.dumps", "pprint.pformat"})
_SAME = frozenset({"encode", "decode", "strip", "lower", "get_secret_value", "format", "join", "copy", "items"})
_DUMPS = frozenset({"model_dump", "model_dump_json", "dict", "json"})
_MASKED = ("pydantic.SecretStr", "pydantic.SecretBytes", "pydantic.types.SecretStr", "starlette.datastructures.Secret")
_HARMLESS = ("int", "float", "bool", "datetime.datetime", "datetime.timedelta", "list", "set")
_NEW = frozenset({"generate", "random", "choice", "choices", "urlsafe", "hex", "bytes", "new", "create", "make"})
_DEPTH = 6
_LABEL = 8
"""Letters in a label, at most."""


class Logged(NamedTuple):
    """A secret that is written down: by which call, and how it is written."""

    start: int
    end: int
    shown: str
    printed: bool


def writes_log(project: Project, module: Module, call: f.Call) -> bool:
    """Whether a call writes to a logger: one that is known, or that a known maker gives, over a function or not."""
    if f.last_name(call.func) not in _LEVELS:
        return False
    name = project.called_name(module, call)
    if name is not None:
        return name.startswith(_LOGGERS)
    if not isinstance(call.func, f.Attr):
        return False
    for value, place in project.values.definitions(call.func.value, (module, call.block, call.start)):
        if isinstance(value, f.CallRef):
            return _makes_logger(project, place[0], place[0].facts.calls[value.index])
    return False


def _makes_logger(project: Project, module: Module, call: f.Call) -> bool:
    if project.called_name(module, call) in _MAKERS:
        return True
    maker = project.callee(module, call)
    if not isinstance(maker, FunctionObject):
        return False
    inner, calls = maker.function.module, maker.function.module.facts.calls
    given = [leave.value for leave in maker.function.exits if leave.kind == "return"]
    return bool(given) and all(
        isinstance(value, f.CallRef) and project.called_name(inner, calls[value.index]) in _MAKERS for value in given
    )


class Logs(Credentials):
    """Answers about one module after the other."""

    def logged(self, module: Module) -> Iterator[Logged]:
        """The secrets that a module writes to logs, or prints while it serves."""
        for call in module.calls_named(("print", *_LEVELS)):
            last = f.last_name(call.func)
            if last == "print" and call.func == f.Name("print"):
                if not self._prints(module, call):
                    continue
            elif not writes_log(self.project, module, call):
                continue
            where = (module, call.block, call.start)
            for arg in call.args:
                found = self.shown(arg.value, where)
                if found is not None:
                    yield Logged(arg.start, arg.end, found, last == "print")

    def _prints(self, module: Module, call: f.Call) -> bool:
        """Whether what is printed goes to the log of a server, not to somebody at a command line."""
        function = module.enclosing(call.block)
        if function is None or not self.project.effects.serving.is_served(module):
            return False
        return not runs_as_script(module, call.block, self.project) and f.keyword(call, "file") is None

    # ---------------------------------------------------------------- what is shown

    def shown(self, expr: f.Expr | None, where: Where, depth: int = _DEPTH) -> str | None:
        """The secret that the text of a value has in it, as it is written; None when there is none."""
        if depth < 0 or expr is None:
            return None
        module = where[0]
        inner: tuple[f.Expr, ...] = ()
        match expr:
            case f.Joined(parts=inner) | f.Display(items=inner):
                pass
            case f.Choice(options=options):
                inner = tuple(option for option in options if not _is_cut(option, options))
            case f.Binary(op="+" | "%", left=left, right=right):
                inner = (left, right)
            case f.Mapping(items=items):
                inner = tuple(value for _, value in items)
            case f.CallRef(index=index):
                return self._called(module, module.facts.calls[index], depth)
            case f.Name(id=name):
                found = self._named(expr, name, where) or self._whole(expr, where) or self._message(expr, where, depth)
                return found or self._address(expr, where, depth)
            case f.Attr(value=owner, attr=attr):
                if attr in ("headers", "cookies") and self.is_request(owner, where):
                    return f"{spelled(owner)}.{attr}"
                return self._named(expr, attr, where) or self._address(expr, where, depth)
            case f.Sub(value=owner, items=(f.Const(value=str(key)),)):
                if self.is_headers(owner, where):
                    return key if _is_of_caller(owner, key) else None
                return self._named(expr, key, where)
        for each in inner:
            if (found := self.shown(each, where, depth - 1)) is not None:
                return found
        return None

    def _message(self, expr: f.Name, where: Where, depth: int) -> str | None:
        """The secret that a variable holds, or that is in a text which the function has put together before, under a
        name that stands for nothing else."""
        module = where[0]
        if holds_secret(self.project, expr, where):
            return None if self._is_made_to_be_shown(expr, where) else spelled(expr)
        found = list(self.values.definitions(expr, where))
        if len(found) != 1 or found[0][1][0] is not module:
            return None
        value, place = found[0]
        if module.enclosing(place[1]) is not module.enclosing(where[1]):
            return None
        if isinstance(value, f.Attr):
            return self._named(value, value.attr, place)
        is_text = isinstance(value, f.Joined) or (isinstance(value, f.Binary) and value.op in ("+", "%"))
        if isinstance(value, f.CallRef):
            call = module.facts.calls[value.index]
            is_text = f.last_name(call.func) == "format" or self.project.called_name(module, call) in _TEXTS
        return self.shown(value, place, depth - 1) if is_text else None

    def _called(self, module: Module, call: f.Call, depth: int) -> str | None:
        where = (module, call.block, call.start)
        if isinstance(call.func, f.Attr):
            owner, attr = call.func.value, call.func.attr
            if attr == "get" and call.args:
                key = self.values.text(call.args[0].value, where) or ""
                if self.is_headers(owner, where):
                    return key if _is_of_caller(owner, key) else None
                return key if secrets.secret_name(key) is not None and not is_vague(key) else None
            if attr in _DUMPS and not call.args:
                return self._whole(owner, where)
            if attr in _SAME:
                for each in (owner, *(arg.value for arg in call.args)):
                    if attr == "get_secret_value":
                        return spelled(each) or "a secret"
                    if (found := self.shown(each, where, depth - 1)) is not None:
                        return found
                return None
            if attr == "render_as_string" and _shows_password(call):  # of SQLAlchemy's URL, which hides it by itself
                return f"{spelled(owner) or 'url'}.password"
        if self.project.called_name(module, call) in _SHOWS:
            for arg in call.args:
                if (found := self.shown(arg.value, where, depth - 1)) is not None:
                    return found
        return self._address(f.CallRef(module.call_numbers[call.start, call.end]), where, depth)

    def _address(self, expr: f.Expr, where: Where, depth: int) -> str | None:
        """The password in the address that a name, a property or a function gives, as it is written there."""
        return password_in(self.project, expr, where, lambda part, place: self.shown(part, place, depth - 1))

    def _named(self, expr: f.Expr, name: str, where: Where) -> str | None:
        """A value that is a secret by its name, when nothing says that it is none, or is not shown."""
        if not is_named_secret(name):
            return None
        if self._is_masked(expr, where) or self._is_made_to_be_shown(expr, where):
            return None
        if is_vague(name) and not self.is_credential(expr, where):
            return None
        if self._is_written_out(expr, where) or (secrets.words(name)[-1] == "key" and self._is_label(expr, where)):
            return None
        return spelled(expr)

    def _is_label(self, expr: f.Expr, where: Where) -> bool:
        """Whether a `key` names an entry: short texts of the code are all that is known of it, with a number behind."""
        flows = self.project.taint
        found = [each for text in flows.tracing.value(expr, where) for each in flows.upwards(text, "path")]
        given = [each for each in found if each and each not in (("None",), ("",), (HARMLESS,))]
        return any(len(each) == 1 for each in given) and all(
            isinstance(each[0], str) and len(each[0]) <= _LABEL for each in given
        )

    def _is_written_out(self, expr: f.Expr | None, where: Where, depth: int = 3) -> bool:
        """Whether a value is one of the short words in capitals that stand in the code, as symbols of currencies do."""
        module = where[0]
        match expr:
            case f.Const(value=str(text)):
                return len(text) <= _LABEL and text.isupper()
            case f.Binary(op="*", left=left, right=right):  # `"*" * len(password)`
                return any(isinstance(each, f.Const) and isinstance(each.value, str) for each in (left, right))
            case f.Choice(options=options):
                return all(self._is_written_out(one, where, depth) for one in options)
            case f.Mapping(items=items):
                return bool(items) and all(self._is_written_out(value, where, depth) for _, value in items)
            case f.Sub(value=owner):
                return self._is_written_out(owner, where, depth)
            case f.Name() if depth > 0:
                found = list(self.values.definitions(expr, where))
                return bool(found) and all(self._is_written_out(value, at, depth - 1) for value, at in found)
            case f.CallRef(index=index) if depth > 0:
                call = module.facts.calls[index]
                if isinstance(call.func, f.Attr) and call.func.attr == "get":
                    given = (call.func.value, *(arg.value for arg in call.args[1:]))
                    return all(self._is_written_out(each, where, depth - 1) for each in given)
                callee = self.types.callee(module, call)
                if isinstance(callee, FunctionObject):
                    home = callee.function.module
                    returned = [one for one in callee.function.exits if one.kind == "return"]
                    return bool(returned) and all(
                        self._is_written_out(one.value, (home, one.block, one.start), depth - 1) for one in returned
                    )
        return False

    def _is_masked(self, expr: f.Expr, where: Where) -> bool:
        """Whether the text of a value does not show what it holds, or it holds no text."""
        value = self.types.infer(expr, where)
        if not isinstance(value, Instance):
            return False
        if isinstance(value.cls, Class):
            return not self.types.is_instance(value, *HOLDERS)
        return value.cls in _MASKED or value.cls in _HARMLESS

    def _whole(self, expr: f.Expr, where: Where) -> str | None:
        """A model of the client that has a password in it, or its credentials, as a whole."""
        value = self.types.infer(expr, where)
        if self.types.is_instance(value, *HOLDERS):
            return spelled(expr)
        cls = value.cls if isinstance(value, Instance) and isinstance(value.cls, Class) else None
        schema = self.project.schemas.of(cls) if cls is not None else None
        if schema is None or schema.kind != "pydantic" or not isinstance(expr, f.Name):
            return None
        bases = [base for base in self.types.mro(schema.cls) if isinstance(base, Class)]
        if any("__str__" in base.methods or "__repr__" in base.methods for base in bases):
            return None
        for one in schema.fields:
            is_shown = isinstance(one.type, Instance) and one.type.cls == "str" and "repr" not in one.keywords
            if is_shown and not one.excluded and secrets.secret_name(one.name) == "password":
                return f"{expr.id}.{one.name}"
        return None

    def _is_made_to_be_shown(self, expr: f.Expr, where: Where) -> bool:
        """Whether code that answers no request shows a secret that it has just made, or the process for itself."""
        if self._is_served(where):
            return False
        return self._is_just_made(expr, where) or is_of_this_process(expr, where, self.project, self._is_served)

    def _is_just_made(self, expr: f.Expr, where: Where) -> bool:
        """Whether the function around a place makes what a variable holds, by the name of what it calls."""
        module, block, at = where
        function = module.enclosing(block)
        if function is None:
            return False
        for entry in module.assigns_in.get(function.index, ()):
            if entry.target == expr and entry.start < at:
                for part in walk(entry.value):
                    if isinstance(part, f.CallRef):
                        call = module.facts.calls[part.index]
                        if not _NEW.isdisjoint(secrets.words(f.last_name(call.func))):
                            return True
        return False

    def _is_served(self, where: Where) -> bool:
        function = where[0].enclosing(where[1])
        return function is not None and (
            function in self.project.routes.by_handler or self.project.effects.serving.when(function) == "served"
        )


def _is_of_caller(owner: f.Expr, key: str) -> bool:
    """Whether a header or cookie of a request says who is calling."""
    if isinstance(owner, f.Attr) and owner.attr == "cookies":
        return secrets.secret_name(key) is not None
    return key.lower() in ("authorization", "cookie", "x-api-key")


def _shows_password(call: f.Call) -> bool:
    given = f.keyword(call, "hide_password") or next((arg for arg in call.args if not arg.name), None)
    return given is not None and given.value == f.Const(False)


def _is_cut(expr: f.Expr, options: tuple[f.Expr, ...]) -> bool:
    """Whether a value is shown when it is short alone: `key[:8] + "..." if len(key) > 8 else key`."""
    return any(
        isinstance(part, f.Sub) and part.value == expr and isinstance(part.items[0], f.Unknown)
        for option in options
        for part in walk(option)
        if option is not expr and part is not expr
    )
