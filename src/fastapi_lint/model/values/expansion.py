"""The values an expression can have where code runs several times: loops over displays, parameters over their callers,
`self` over the objects that the project makes.

Used for routers, which are often registered in loops, in functions that are handed the app, and by constructors.
"""

from __future__ import annotations

from typing import Union

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Class, ClassObject, FunctionObject, Instance, Module, Type
from fastapi_lint.model.types.inference.inference import Where, is_none
from fastapi_lint.model.values.constants import UNKNOWN
from fastapi_lint.model.values.environment import NOWHERE, Bound, Environment
from fastapi_lint.model.values.frames import DEPTH, is_of_text, names_in, names_needed
from fastapi_lint.model.values.written.collections import Collections
from fastapi_lint.model.values.written.folders import NAMES, last_piece
from fastapi_lint.model.values.written.formatting import TEXT_METHODS, formatted, interpolated
from fastapi_lint.model.values.written.packages import FIELDS, has_name, is_by_name, loaded, own_name

__all__ = ["Expansion", "names_in"]


class Expansion(Collections):
    """Answers "which values can this be, one by one"."""

    # ---------------------------------------------------------------- values

    def values(self, expr: f.Expr, where: Where, environment: Environment, depth: int = 0) -> list[Type]:
        """Every value an expression can have; empty when one of them is not known."""
        if depth > DEPTH:
            return []
        match expr:
            case f.Name(id=name) if name in environment:
                return self.values(*self.standing(name, where, environment), depth + 1)
            case f.Name(id=name) if environment and (source := self._local(name, where, environment)):
                return self.values(*source, depth + 1)
            case f.Attr(value=value, attr=attr):
                owners = self.values(value, where, environment, depth + 1)
                if found := [one for owner in owners for one in self._attribute(owner, attr, depth)]:
                    return found
                if names_in(value) & environment.keys() and owners:
                    return []
            case f.Choice(options=options):
                given = [o for o in options if not is_none(self._literal(o, environment))]
                if len(given) < len(options) or (environment and names_in(expr) & environment.keys()):
                    for option in given:
                        if found := self.values(option, where, environment, depth + 1):
                            return found
                    return []
            case f.CallRef(index=index) if environment and is_by_name(call := where[0].facts.calls[index]):
                if (named := self._by_name(call, where, environment, depth)) is not None:
                    return named
        inferred = self.types.infer(expr, where)
        if inferred is None or (isinstance(inferred, Instance) and inferred.origin is None):
            return self._several(expr, where) or ([] if inferred is None else [inferred])
        return [inferred]

    def _by_name(self, call: f.Call, where: Where, environment: Environment, depth: int) -> list[Type] | None:
        """What a lookup by a name gives that the environment decides; None for other calls."""
        match call:
            case f.Call(func=f.Name(id="getattr"), args=(owner, asked, *_)):
                name = self.pieces(asked.value, where, environment, depth + 1)
                return self.values(f.Attr(owner.value, name), where, environment, depth + 1)
        module = loaded(self, call, where, environment)
        return None if module is None else [module]

    @staticmethod
    def _literal(expr: f.Expr, environment: Environment) -> f.Expr:
        while isinstance(expr, f.Name) and expr.id in environment:
            expr, _, environment = environment[expr.id]
        return expr

    def standing(self, name: str, where: Where, environment: Environment) -> Bound:
        """What a name of an environment stands for at a place: it may have been assigned since."""
        bindings = self.types.find_bindings(name, where)
        found = [binding.entry for binding in bindings]
        if len(found) == 2 and isinstance(found[1], (f.Param, f.Assign)):
            # `if not prefix.startswith("/"): prefix = "/" + prefix`
            is_set = self._is_entered(bindings[0].block, where[0], environment)
            found = found if is_set is None else found[:1] if is_set else found[1:]
        if not any(isinstance(entry, f.Assign) for entry in found):
            return environment[name]
        entry = found[0]
        if len(found) > 1 or not isinstance(entry, f.Assign) or entry.op not in ("=", ":=") or entry.value is None:
            return f.Unknown(), where, NOWHERE
        if not isinstance(entry.target, f.Name):
            return f.Unknown(), where, NOWHERE
        return entry.value, (where[0], entry.block, entry.start - 1), environment

    def _is_entered(self, index: int, module: Module, environment: Environment) -> bool | None:
        """Whether a branch is taken that is the first of its `if`; None when not known."""
        block = module.facts.blocks[index]
        if block.kind != "if" or self.conditions.branches(module, block.parent)[:1] != [index]:
            return None
        return self.truth(block.test, (module, block.parent, block.start), environment)

    def _local(self, name: str, where: Where, environment: Environment) -> Bound | None:
        """What a local variable is assigned from, when that needs the environment."""
        found = self.types.find_bindings(name, where)
        if len(found) != 1 or not isinstance(found[0].entry, f.Assign):
            return None
        entry = found[0].entry
        if entry.value is None or entry.op not in ("=", ":=") or not isinstance(entry.target, f.Name):
            return None
        needed = names_needed(entry.value, where[0])
        made = where[0].facts.calls[entry.value.index] if isinstance(entry.value, f.CallRef) else None
        if made is not None and is_by_name(made):  # what it is given may be a variable of the round, too
            return (entry.value, (where[0], entry.block, entry.start), environment) if name not in needed else None
        is_other_call = made is not None and not is_of_text(made)
        if is_other_call or not needed & (environment.keys() | {name}):
            return None
        if name in needed:
            return None
        return entry.value, (where[0], entry.block, entry.start), environment

    def _attribute(self, owner: Type, attr: str, depth: int) -> list[Type]:
        if isinstance(owner, Instance) and isinstance(owner.cls, Class) and owner.origin is not None:
            given = [one for source in self._fields(owner, attr) for one in self.values(*source, depth + 1)]
            if given:
                return [self.types.owned(one, owner) for one in given]
        found = self.types.attribute(owner, attr)
        return [] if found is None else [found]

    def sources(self, value: f.Expr, attr: str, where: Where, environment: Environment) -> list[Bound]:
        """What the attribute of an object was given: by its constructor's caller, in its constructor, by its class."""
        if not names_in(value) & environment.keys():
            return []
        is_asked = attr in FIELDS or attr in NAMES
        held, place, inner = self.source(value, where, environment) if is_asked else (value, where, environment)
        if isinstance(held, f.Const) and isinstance(held.value, str) and attr in NAMES:  # a file: texts have neither
            return [(f.Const(last_piece(held.value, attr)), place, inner)]
        if isinstance(held, f.Display) and len(held.items) == len(FIELDS):  # of `pkgutil`: others have no such fields
            return [(held.items[FIELDS[attr]], place, inner)]
        found: list[Bound] = []
        for owner in self.values(value, where, environment):
            if isinstance(owner, Instance):
                found += self._fields(owner, attr)
            elif isinstance(owner, ClassObject):
                found += [(*source, NOWHERE) for source in self.folding.members(owner.cls, attr)]
        return found

    def _fields(self, owner: Instance, attr: str) -> list[Bound]:
        if owner.origin is None or not isinstance(owner.cls, Class):
            return []
        assigned = self.objects.assigned(owner.cls, attr)
        if assigned is not None:
            entry, function = assigned
            if entry.value is None or not function.params:
                return []
            names = frozenset(p.name for p in function.params if p.name in names_in(entry.value))
            place = (function.module, entry.block, entry.start)
            itself = function.params[0].name
            made = f.CallRef(owner.origin.call)
            frames = [
                frame
                for frame in (self.frames(function, names | {itself}, 0) if names else ())
                if (bound := frame.get(itself)) and bound[0] == made and bound[1][0] is owner.origin.module
            ]
            return [(entry.value, place, frame) for frame in frames or (NOWHERE,)]
        source = self.objects.field(owner.cls, attr, owner.origin)
        return [(*source, NOWHERE)] if source else []

    def _several(self, expr: f.Expr, where: Where) -> list[Type]:
        """A name bound on several branches: each of its values."""
        if not isinstance(expr, f.Name):
            return []
        values: list[Type] = []
        for binding in self.types.find_bindings(expr.id, where):
            entry = binding.entry
            if not isinstance(entry, f.Assign) or entry.value is None or not isinstance(entry.target, f.Name):
                return []
            value = self.types.infer(entry.value, (where[0], entry.block, entry.start))
            if value is None:
                return []
            values.append(value)
        return values if len(values) > 1 else []

    def source(self, expr: f.Expr, where: Where, environment: Environment) -> Bound:
        """An expression with parameters, loop targets and fields of objects replaced by what they stand for."""
        for _ in range(DEPTH):
            match expr:
                case f.Name(id=name) if name in environment:
                    expr, where, environment = self.standing(name, where, environment)
                case f.Attr(value=value, attr=attr) if names_in(value) & environment.keys():
                    sources = self.sources(value, attr, where, environment)
                    if len(sources) != 1:
                        break
                    expr, where, environment = sources[0]
                case _:
                    break
        return expr, where, environment

    def truth(self, expr: f.Expr | None, where: Where, environment: Environment, depth: int = 0) -> Union[bool, None]:
        """Whether a condition holds; None when not known. Settings can be set from outside: they are not known."""
        if depth > DEPTH:
            return None
        match expr:
            case f.Const(value=value):
                return bool(value)
            case f.Display(items=items):
                return bool(items)
            case f.Name(id=name) if name in environment:
                return self.truth(*self.standing(name, where, environment), depth + 1)
            case f.Attr(value=value, attr=attr):
                sources = self.sources(value, attr, where, environment)
                return self.truth(*sources[0], depth + 1) if len(sources) == 1 else None
            case f.Choice(options=options):
                answers = {self.truth(option, where, environment, depth + 1) for option in options}
                return answers.pop() if len(answers) == 1 else None
            case f.Unary(op="not", value=value):
                known = self.truth(value, where, environment, depth + 1)
                return None if known is None else not known
            case f.CallRef(index=index) if environment:
                call = where[0].facts.calls[index]
                known = self._begins(call, where, environment, depth)
                known = has_name(self, call, where, environment) if known is None else known
                return self._is_written(expr, where, environment, depth) if known is None else known
            case f.Joined() | f.Binary(op="+") if environment:
                return self._is_written(expr, where, environment, depth)
            case f.Compare(operators=("is" | "is not" | "==" | "!=" as asked,), operands=(left, right)) if environment:
                same = self._is_same(left, right, where, environment)
                return same if same is None or asked in ("is", "==") else not same
        return None

    def _is_same(self, left: f.Expr, right: f.Expr, where: Where, environment: Environment) -> bool | None:
        """Whether two values are the same constant; what is written as a display or a text is not None."""
        one, other = (self.source(side, where, environment)[0] for side in (left, right))
        if isinstance(one, f.Const) and isinstance(other, f.Const):
            return one.value == other.value
        written = (f.Display, f.Mapping, f.Joined, f.Each, f.Lambda)
        if other == f.Const(None) and isinstance(one, written):
            return False
        return None

    def _is_written(self, expr: f.Expr, where: Where, environment: Environment, depth: int) -> bool | None:
        """Whether a text has anything in it; None when it is not known."""
        text = self.pieces(expr, where, environment, depth + 1)
        return None if UNKNOWN in text else bool(text)

    def _begins(self, call: f.Call, where: Where, environment: Environment, depth: int) -> bool | None:
        """What `prefix.startswith("/")`, or `endswith`, comes to."""
        match call.func:
            case f.Attr(value=value, attr="startswith" | "endswith" as asked) if len(call.args) == 1:
                text = self.pieces(value, where, environment, depth + 1)
                wanted = self.pieces(call.args[0].value, where, environment, depth + 1)
                if UNKNOWN not in text + wanted:
                    return text.startswith(wanted) if asked == "startswith" else text.endswith(wanted)
        return None

    def pieces(self, expr: f.Expr | None, where: Where, environment: Environment, depth: int = 0) -> str:
        """Folded text as `Values.pieces`, with loop targets and parameters replaced."""
        match expr:
            case _ if depth > DEPTH:
                return UNKNOWN
            case f.Name(id=name) if name in environment:
                return self.pieces(*self.standing(name, where, environment), depth + 1)
            case f.Name("__name__" | "__package__") | f.Attr(attr="__name__" | "__package__"):
                return own_name(self, expr, where, environment)
            case f.Attr(value=value, attr=attr) if names_in(expr) & environment.keys():
                sources = self.sources(value, attr, where, environment)
                return self.pieces(*sources[0], depth + 1) if len(sources) == 1 else UNKNOWN
            case f.Joined(parts=parts):
                return "".join(self.pieces(part, where, environment, depth + 1) for part in parts)
            case f.Binary(op="+", left=left, right=right):
                return self.pieces(left, where, environment, depth + 1) + self.pieces(
                    right, where, environment, depth + 1
                )
            case f.Binary(op="%", left=left, right=right):
                values = right.items if isinstance(right, f.Display) and right.kind == "tuple" else (right,)
                text = self.pieces(left, where, environment, depth + 1)
                return interpolated(text, [self.pieces(value, where, environment, depth + 1) for value in values])
            case f.Name(id=name) if environment and (source := self._local(name, where, environment)):
                return self.pieces(*source, depth + 1)
            case f.Choice() if environment:
                option = self.chosen(expr, where, environment, depth)
                return UNKNOWN if option is None else self.pieces(option, where, environment, depth + 1)
            case f.CallRef(index=index) if is_of_text(where[0].facts.calls[index]):
                return self._changed(where[0].facts.calls[index], where, environment, depth)
            case f.CallRef(index=index) if environment:
                return self._given_back(where[0].facts.calls[index], where, environment, depth)
        text = self.folding.pieces(expr, where)
        if UNKNOWN in text and isinstance(expr, (f.Name, f.Attr)):  # a constant that is made by `join`, `format` or `%`
            found = list(self.folding.definitions(expr, where))
            if len(found) == 1:
                return self.pieces(*found[0], NOWHERE, depth + 1)
        return text

    def chosen(self, choice: f.Choice, where: Where, environment: Environment, depth: int = 0) -> f.Expr | None:
        """The option of a condition that counts; None when that is not known."""
        if choice.op == "if":
            is_first = self.truth(choice.test, where, environment, depth + 1)
            return None if is_first is None else choice.options[0 if is_first else 1]
        for option in choice.options[:-1]:
            known = self.truth(option, where, environment, depth + 1)
            if known is None or known is (choice.op == "or"):
                return None if known is None else option
        return choice.options[-1]

    def _given_back(self, call: f.Call, where: Where, environment: Environment, depth: int) -> str:
        """The text that a function of the project makes of its arguments, in one `return`."""
        callee = self.types.callee(where[0], call)
        if not isinstance(callee, FunctionObject) or callee.function.is_async or callee.function.is_generator:
            return UNKNOWN
        function = callee.function
        decorators = self.types.decorators(function)
        leaving = [one for one in function.exits if one.kind in ("return", "raise")]
        if (
            len(leaving) != 1
            or leaving[0].kind != "return"
            or not {"staticmethod", "classmethod"}.issuperset(decorators)
        ):
            return UNKNOWN
        shift = 0 if function.cls is None or "staticmethod" in decorators or callee.owner is None else 1
        inner = NOWHERE.with_bound(self.given(function, call, where, environment, shift))
        place = (function.module, leaving[0].block, leaving[0].start)
        return self.pieces(leaving[0].value, place, inner, depth + 1)

    def _changed(self, call: f.Call, where: Where, environment: Environment, depth: int) -> str:
        """The text that a method of a text gives (`prefix.strip("/")`); unknown unless all of it is known."""
        if call.func == f.Name("str") and len(call.args) == 1 and not call.args[0].name:
            return self.pieces(call.args[0].value, where, environment, depth + 1)
        if not isinstance(call.func, f.Attr) or not is_of_text(call):
            return UNKNOWN
        text = self.pieces(call.func.value, where, environment, depth + 1)
        if call.func.attr == "join" and len(call.args) == 1:
            items = list(self.elements(call.args[0].value, where, environment, depth + 1))
            return text.join(self.pieces(*item, depth + 1) for item in items) if items else UNKNOWN
        given = [self.pieces(arg.value, where, environment, depth + 1) for arg in call.args]
        if call.func.attr == "format":
            names = [arg.name for arg in call.args]
            return UNKNOWN if UNKNOWN in text or {"*", "**"} & {*names} else formatted(text, names, given)
        if UNKNOWN in text or any(UNKNOWN in one or arg.name for one, arg in zip(given, call.args, strict=True)):
            return UNKNOWN
        wanted = 2 if call.func.attr == "replace" else len(given)
        return TEXT_METHODS[call.func.attr](text, *given) if len(given) == wanted < 3 else UNKNOWN
