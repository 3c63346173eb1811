"""Local variables between an except clause and the use of what it left in them: which bindings and additions reach it.

Goes by blocks: what another branch or clause does, and what a way does that leaves the function, does not reach. Also
which conditions ask what an exception is, or whether details are to be shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.ways.endings import Endings
from fastapi_lint.model.names.expressions import with_values
from fastapi_lint.model.names.modules import Binding
from fastapi_lint.model.names.symbols import External, Function, Module, TupleOf, Type
from fastapi_lint.model.types.inference.inference import Inference, Where
from fastapi_lint.tracking import memoized

_ADDING = frozenset({"append", "add", "insert", "extend", "update", "appendleft", "setdefault", "put_nowait", "put"})
_ASKING = frozenset({"isinstance", "issubclass", "hasattr", "type"})
_SETTINGS = ("pydantic_settings.BaseSettings", "pydantic.BaseSettings", "pydantic.v1.BaseSettings")
_ANY = ("Exception", "BaseException")
_SENT = ("bool", "int", "str", "pydantic.BaseModel")
_NAMED = ("debug", "verbose", "develop")


class Variables:
    """Answers about names at places."""

    def __init__(self, types: Inference, answers: Callable[[Function], bool]) -> None:
        self.types = types
        self._answers = answers
        """Whether a function is an endpoint, which is given what clients send."""
        self._endings = types.shared(Endings)

    def reaching(self, name: str, where: Where) -> list[Binding]:
        """The bindings of a name that can reach a use; those of the module are among them."""
        found = self.types.find_bindings(name, where)
        return [one for one in found if one.start <= where[2] and self._reaches(one.block, where)]

    def put_into(self, name: str, where: Where) -> Iterator[tuple[f.Expr, str | int | None, Where]]:
        """What was put into the object that a name stands for before a use, with the entry or attribute that it is
        (None: it was added), and where."""
        module, block, at = where
        index = module.facts.blocks[block].function
        if index < 0:
            return
        for value, part, place in self._additions(module, index).get(name, ()):
            if place[2] < at and self._reaches(place[1], where):
                yield value, part, place

    def put_by(self, method: Function) -> Iterator[tuple[f.Expr, str | int | None, Where]]:
        """What a method puts into its own object, with the attribute."""
        if method.params:
            yield from self._additions(method.module, method.index).get(method.params[0].name, ())

    def called_on(self, name: str, where: Where) -> Iterator[tuple[f.Call, Where]]:
        """The calls of methods of the object that a name stands for, before a use that they reach."""
        module, block, at = where
        for call in self._called(module, module.facts.blocks[block].function).get(name, ()):
            if call.start < at and self._reaches(call.block, where):
                yield call, (module, call.block, call.start)

    @memoized
    def _called(self, module: Module, index: int) -> dict[str, list[f.Call]]:
        """The calls with arguments of methods in a function, by the variables that hold their objects."""
        table: dict[str, list[f.Call]] = {}
        for call in module.calls_in.get(index, ()):
            if call.args and isinstance(call.func, f.Attr) and isinstance(call.func.value, f.Name):
                table.setdefault(call.func.value.id, []).append(call)
        return table

    @memoized
    def _additions(self, module: Module, index: int) -> dict[str, list[tuple[f.Expr, str | int | None, Where]]]:
        """What a function puts into objects, by the variables that these are or are parts of."""
        table: dict[str, list[tuple[f.Expr, str | int | None, Where]]] = {}
        for call in module.calls_in.get(index, ()):
            if isinstance(call.func, f.Attr) and call.func.attr in _ADDING and (found := _part(call.func.value)):
                place = (module, call.block, call.start)
                table.setdefault(found[0], []).extend((arg.value, found[1], place) for arg in call.args)
            values = [arg.value for arg in call.args] if call.func == f.Name("setattr") else []
            match values:
                case [f.Name(id=owner), f.Const(value=str(attr)), given]:
                    table.setdefault(owner, []).append((given, attr, (module, call.block, call.start)))
            for arg in call.args:  # `print_exc(file=printed)`
                if arg.name == "file" and isinstance(arg.value, f.Name):
                    printed = f.CallRef(module.call_numbers[call.start, call.end])
                    table.setdefault(arg.value.id, []).append((printed, None, (module, call.block, call.start)))
        for entry in module.assigns_in.get(index, ()):
            for target, value in with_values(entry.target, entry.value):
                if value is None or (found := _part(target)) is None:
                    continue
                is_more = entry.op not in ("=", ":=") and isinstance(target, f.Name)
                if found[1] is not None or is_more or isinstance(target, f.Sub):
                    table.setdefault(found[0], []).append((value, found[1], (module, entry.block, entry.start)))
        return table

    def _reaches(self, block: int, where: Where) -> bool:
        """Whether control can come from a block to a place further down."""
        module, current, _ = where
        blocks = module.facts.blocks
        around = set()
        while current >= 0:
            around.add(current)
            current = blocks[current].parent
        function = module.enclosing(block)
        below = -1
        while block >= 0 and block not in around:
            if function is not None and blocks[block].function == function.index:
                if blocks[block].kind in ("except", "if", "else", "case", "finally") and not self._endings.comes_out(
                    function, block
                ):
                    return False
            below, block = block, blocks[block].parent
        mine = next((each for each in around if blocks[each].parent == block), None)
        if below < 0 or mine is None or blocks[block].kind not in ("choice", "try"):
            return True
        return blocks[block].kind == "try" and (blocks[mine].kind == "finally" or blocks[below].kind == "body")

    # ---------------------------------------------------------------- conditions

    def is_told_apart(self, where: Where, clause: int) -> bool:
        """Whether between an except clause (or handler) and a place in it something asks what the exception is, or
        whether details may be shown: around the place, or before it, where the other way leaves."""
        module, block, _ = where
        blocks = module.facts.blocks
        while block >= 0 and block != clause and blocks[block].kind not in ("function", "lambda", "module"):
            entry = blocks[block]
            if entry.kind in ("if", "case") and self.tells_apart(entry.test, (module, entry.parent, entry.start)):
                return True
            if entry.kind == "else" and self._is_of_configuration(module, entry):
                return True
            block = entry.parent
        return any(
            isinstance(entry.test, (f.Unary, f.Compare)) and self._is_configuration(entry.test, place)
            for entry, place in self._leaving(where, clause)
        )

    def is_ruled_out(self, name: str, where: Where, types: tuple[Type, ...]) -> bool:
        """Whether an exception of these types does not get to a place, as `if isinstance(name, ...)` leaves before."""
        for entry, place in self._leaving(where, -1):
            asked = self._asked(entry.test, name, place)
            if asked and all(_covers(asked, each) for each in types):
                return True
        return False

    def _leaving(self, where: Where, since: int) -> Iterator[tuple[f.Block, Where]]:
        """The `if`s before a place whose bodies leave, in the blocks around it up to one, with where they are asked."""
        module, block, at = where
        blocks = module.facts.blocks
        function = module.enclosing(block)
        if function is None:
            return
        around = set()
        while block >= 0:
            around.add(block)
            if block == since or blocks[block].kind in ("function", "lambda", "module"):
                break
            block = blocks[block].parent
        for index in range(max(since, function.facts.block), len(blocks)):
            entry = blocks[index]
            if entry.start >= at:
                return
            if entry.kind == "if" and entry.end <= at and blocks[entry.parent].parent in around:
                if not self._endings.comes_out(function, index):
                    yield entry, (module, entry.parent, entry.start)

    def _asked(self, test: f.Expr | None, name: str, where: Where) -> tuple[Type, ...]:
        """The types in `isinstance(name, types)`."""
        call = where[0].facts.calls[test.index] if isinstance(test, f.CallRef) else None
        if call is None or f.last_name(call.func) != "isinstance" or len(call.args) != 2:
            return ()
        found = self.types.infer(call.args[1].value, where) if call.args[0].value == f.Name(name) else None
        return found.items if isinstance(found, TupleOf) else (found,)

    def _is_of_configuration(self, module: Module, other: f.Block) -> bool:
        """Whether an `else` is that of a condition of the program."""
        return any(
            each.kind == "if" and each.parent == other.parent
            for each in module.blocks_in.get(other.function, ())
            if self._is_configuration(each.test, (module, each.parent, each.start))
        )

    def tells_apart(self, test: f.Expr | None, where: Where) -> bool:
        """Whether a condition asks what something is (`isinstance(e, NotFound)`), or whether details may be shown."""
        match test:
            case f.CallRef(index=index) if f.last_name(where[0].facts.calls[index].func) in _ASKING:
                return True
            case f.Choice(options=options):
                return any(self.tells_apart(option, where) for option in options)
            case f.Unary(value=value):
                return self._is_configuration(value, where)
            case f.Compare(operands=operands) if any(_asks_for_type(each, where[0]) for each in operands):
                return True
        return self._is_configuration(test, where)

    def _is_configuration(self, test: f.Expr | None, where: Where) -> bool:
        """Whether a condition is one of the program, not of the request: variables of modules and what these hold."""
        match test:
            case f.Name(id=name):
                found = self.types.find_bindings(name, where)
                is_global = bool(found) and all(_is_global(one, where[0]) for one in found)
                is_named = any(word in name.lower() for word in _NAMED) and not self._is_sent(found, where)
                return is_global or is_named or self._is_settings(test, where)
            case f.Attr(value=value, attr=attr):
                is_named = any(word in attr.lower() for word in _NAMED) and not self._is_of_request(value, where)
                return is_named or self._is_configuration(value, where)
            case f.CallRef(index=index):
                call = where[0].facts.calls[index]
                called = self.types.name_of_type(self.types.callee(where[0], call))
                return called in ("os.getenv", "os.environ.get") or self._is_settings(test, where)
            case f.Unary(value=value):
                return self._is_configuration(value, where)
            case f.Compare(operands=(first, *_)):
                return self._is_configuration(first, where)
            case f.Choice(options=options):
                return any(self._is_configuration(option, where) for option in options)
        return False

    def _is_of_request(self, expr: f.Expr, where: Where) -> bool:
        """Whether something is what a client has sent, or a part of it."""
        while isinstance(expr, f.Attr):
            expr = expr.value
        return isinstance(expr, f.Name) and self._is_sent(self.types.find_bindings(expr.id, where), where)

    def _is_sent(self, found: Sequence[Binding], where: Where) -> bool:
        """Whether a name is a parameter of an endpoint that FastAPI reads out of the request, or always the same."""
        function = where[0].enclosing(where[1])
        if found and all(isinstance(each.entry, f.Assign) and isinstance(each.entry.value, f.Const) for each in found):
            return True
        entries = [each.entry for each in found if isinstance(each.entry, f.Param)]
        if function is None or not entries or len(entries) != len(found) or not self._answers(function):
            return False
        places = [(where[0], each.block, each.entry.start) for each in found]
        return all(
            self.types.depends_call(entry, place) is None
            and self.types.is_instance(self.types.parameter(function, entry), *_SENT)
            for entry, place in zip(entries, places, strict=True)
        )

    def _is_settings(self, expr: f.Expr, where: Where) -> bool:
        return self.types.is_instance(self.types.infer(expr, where), *_SETTINGS)


def _asks_for_type(expr: f.Expr, module: Module) -> bool:
    """Whether an expression is the type of something, or the name of that: `type(e).__name__`, `e.__class__`."""
    while isinstance(expr, f.Attr) and expr.attr in ("__name__", "__qualname__"):
        expr = expr.value
    if isinstance(expr, f.CallRef):
        return module.facts.calls[expr.index].func == f.Name("type")
    return isinstance(expr, f.Attr) and expr.attr == "__class__"


def _part(expr: f.Expr) -> tuple[str, str | int | None] | None:
    """The variable that something is a part of, and which: `errors`, `result["errors"]`, `answer.error`."""
    part: str | int | None = None
    for _ in range(8):
        match expr:
            case f.Name(id=name):
                return name, part
            case f.Attr(value=value, attr=attr):
                expr, part = value, attr
            case f.Sub(value=value, items=(f.Const(value=str() | int() as key),)):
                expr, part = value, key
            case f.Sub(value=value):
                expr, part = value, None
            case _:
                return None
    return None


def _covers(asked: tuple[Type, ...], caught: Type) -> bool:
    """Whether an exception that was caught is of one of the types that are asked for."""
    return caught in asked or any(isinstance(one, External) and one.name in _ANY for one in asked)


def _is_global(binding: Binding, module: Module) -> bool:
    blocks = module.facts.blocks
    return blocks[binding.block].function < 0 and isinstance(binding.entry, (f.Assign, f.Import))
