"""What parameters hold: by annotation, as `self`, or as FastAPI injects it."""

from __future__ import annotations

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import (
    Class,
    ClassObject,
    Coroutine,
    External,
    Function,
    FunctionObject,
    Instance,
    Module,
    OneOf,
    Partial,
    Type,
)
from fastapi_lint.model.types.inference.questions import DEPENDS, Questions, Where, is_none, is_one_object
from fastapi_lint.tracking import recording

_DEEPEST = 3
_CLASS_METHODS = frozenset({"__new__", "__init_subclass__", "__class_getitem__", "__get_pydantic_core_schema__"})


class Injection(Questions):
    """What parameters hold: by annotation, as `self`, or as FastAPI injects it."""

    def parameter(self, function: Function, param: f.Param) -> Type:
        """What a parameter is inside its function: by annotation, as `self`, or as what its dependency gives."""
        module, facts = function.module, function.facts
        if param.kind == "args":
            return Instance("tuple")
        if param.kind == "kwargs":
            return Instance("dict")
        cls = function.cls
        if cls is not None and facts.params and facts.params[0] is param and param.annotation is None:
            names = self.decorators(function)
            if "staticmethod" not in names:
                return ClassObject(cls) if "classmethod" in names or function.name in _CLASS_METHODS else Instance(cls)
        where = (module, facts.outer, param.start)
        declared = self.annotation(param.annotation, where) if param.annotation is not None else None
        if declared is None and param.annotation is not None:
            declared = self.at_least(param.annotation, where)
        wide = declared if type(declared) is OneOf and is_one_object(declared) else None
        declared = None if wide is not None else declared
        given = self.dependency_of(param, where)
        if given is not None:
            result = self.dependency_result(given)
            if result is not None and (declared is None or _is_any(declared)):
                return result
            if self.is_narrower(result, declared):
                return result
            if (
                isinstance(result, Instance)
                and isinstance(declared, Instance)
                and _is_session(result.cls)
                and _is_session(declared.cls)
            ):
                return result if result.cls != declared.cls else declared
        if (
            declared is None
            and param.annotation is None
            and param.default is not None
            and not is_none(param.default)
            and given is None
        ):
            made = self.infer(param.default, where)
            if isinstance(made, Instance) and isinstance(made.cls, str):
                return made if not made.cls.startswith("fastapi.") else None
        if given is None and (declared is None or _is_any(declared)) and self._leaves_open(param.annotation, where):
            return self.passed(function, param) or declared or wide
        if given is None and type(declared) is Instance and self._is_protocol(declared.cls):
            made = self.passed(function, param)  # who stands for it is what the callers hand in
            return made if self.is_narrower(made, declared) else declared
        if given is None and wide is not None and param.name not in module.asked_for_types:
            made = self.passed(function, param)  # of several, the ones that callers hand in
            options = made.options if isinstance(made, OneOf) else (made,)
            return made if all(isinstance(one, Instance) and one in wide.options for one in options) else wide
        return declared or wide

    def _is_protocol(self, cls: Class | str) -> bool:
        """Whether a class of the project is a Protocol itself, which others stand for."""
        if not isinstance(cls, Class) or not cls.facts.bases:
            return False
        named = any(f.last_name(one.value if isinstance(one, f.Sub) else one) == "Protocol" for one in cls.facts.bases)
        return named and "typing.Protocol" in self.mro(cls)

    def _leaves_open(self, annotation: f.Expr | None, where: Where) -> bool:
        """Whether an annotation, or what it is an alias of, says nothing but that something comes, or None."""
        match annotation:
            case f.Binary(op="|", left=left, right=right) if is_none(left) or is_none(right):
                return self._leaves_open(right if is_none(left) else left, where)
            case f.Sub(value=value, items=(one,)) if f.last_name(value) == "Optional":
                return self._leaves_open(one, where)
            case f.Name() if not _says_nothing(annotation):
                meant = self.alias(annotation, where)
                return meant is not None and _says_nothing(meant[0])
        return _says_nothing(annotation)

    def dependency_of(self, param: f.Param, where: Where) -> Type:
        """The callable that a parameter depends on, by its default or its Annotated metadata; None when it does not."""
        marker = self.depends_call(param, where)
        if marker is None:
            return None
        module, index = marker
        call = module.facts.calls[index]
        if isinstance(self.callee(module, call), Partial):
            return None  # what it depends on stands in the partial
        for argument in call.args:
            if argument.name in ("", "dependency"):
                return self.infer(argument.value, (module, call.block, call.start))
        if param.annotation is not None:
            declared = self.annotation(param.annotation, where)
            if isinstance(declared, Instance):
                return ClassObject(declared.cls) if isinstance(declared.cls, Class) else External(declared.cls)
        return None

    def depends_call(self, param: f.Param, where: Where) -> tuple[Module, int] | None:
        """The Depends or Security call of a parameter, with the module in which it is written."""
        if param.annotation is None and param.default is None:
            return None
        key = (where, param.start, param.name)
        return recording.recalled(self._markers, key, lambda: self._depends_call(param, where))

    def _depends_call(self, param: f.Param, where: Where) -> tuple[Module, int] | None:
        candidates = list(self.metadata(param.annotation, where)) if param.annotation is not None else []
        if param.default is not None:
            candidates.append((where[0], param.default, where))
        for module, expr, place in reversed(candidates):
            if isinstance(expr, f.Name):  # a variable that holds Depends(...)
                found = self.find_bindings(expr.id, place)
                if len(found) == 1 and isinstance(found[0].entry, f.Assign) and found[0].entry.value is not None:
                    expr = found[0].entry.value
            if isinstance(expr, f.CallRef) and (found_there := self._marker_call(module, expr.index, 0)) is not None:
                return found_there
        return None

    def _marker_call(self, module: Module, index: int, depth: int) -> tuple[Module, int] | None:
        """The Depends or Security that a call is, or that the function which it calls gives back."""
        callee = self.callee(module, module.facts.calls[index])
        if self.name_of_type(callee) in DEPENDS:
            return module, index
        if isinstance(callee, FunctionObject) and depth < _DEEPEST:
            for made, place in self.given_back(module, index):
                if isinstance(made, f.CallRef) and (found := self._marker_call(place[0], made.index, depth + 1)):
                    return found
        return None

    def dependency_result(self, dependency: Type) -> Type:
        """What FastAPI injects for `Depends(dependency)`: returned, yielded or constructed, awaited where needed."""
        match dependency:
            case FunctionObject(function=function):
                return self.yield_type(function) if function.is_generator else self.return_type(function)
            case Coroutine():
                return None
        made = self.result(dependency)
        if isinstance(made, Coroutine):
            return made.result
        if isinstance(made, Instance) and made.cls in ("generator", "async_generator"):
            return made.args[0] if made.args else None
        return made


def _says_nothing(annotation: f.Expr | None) -> bool:
    """Whether an annotation leaves open what comes: there is none, `Any`, `object` or `Callable[..., str]`."""
    if isinstance(annotation, f.Sub):
        return f.last_name(annotation.value) == "Callable"
    return annotation is None or f.last_name(annotation) in ("Any", "object", "Callable")


def _is_any(value: Type) -> bool:
    return isinstance(value, Instance) and value.cls in ("typing.Any", "object")


def _is_session(cls: Class | str) -> bool:
    return isinstance(cls, str) and cls.endswith("Session") and cls.startswith(("sqlalchemy", "sqlmodel"))
