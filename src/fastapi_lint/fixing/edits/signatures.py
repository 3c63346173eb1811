"""The signature of a function whose markers move from defaults into `Annotated`: what can be rewritten, in which order.

Makes one fix for all its parameters. Leaves alone what would mean something else afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import libcst as cst

from fastapi_lint.finding import Fix, Safety
from fastapi_lint.fixing import edits
from fastapi_lint.fixing.edits.annotated import Rewriting, annotated
from fastapi_lint.fixing.edits.bindings import nodes
from fastapi_lint.fixing.edits.calls import function_node
from fastapi_lint.index import facts as f
from fastapi_lint.model.injection import MARKERS, Parameter, default_of, is_read_alike, means_required, target_of
from fastapi_lint.model.names import Class, ClassObject, External, Function, FunctionObject, ModuleObject
from fastapi_lint.model.types import DEPENDS, Deferral

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_SPECIAL = frozenset({"Request", "WebSocket", "HTTPConnection", "Response", "BackgroundTasks", "SecurityScopes"})
_TRANSPARENT = ("fastapi.", "starlette.", "contextlib.", "typing.", "staticmethod", "classmethod", "abc.")
_ROUTES = frozenset({"get", "post", "put", "patch", "delete", "head", "options", "trace", "api_route", "websocket"})


@dataclass(frozen=True)
class Signature:
    """A function whose markers are to move: what can be rewritten, and in which order it must stand."""

    function: Function
    parameters: Sequence[Parameter]
    project: Project
    found: Sequence[Parameter]
    """The parameters whose markers are to move; `parameters` are all of them."""

    @cached_property
    def deferral(self) -> Deferral:
        """When its annotations are evaluated."""
        return Deferral(self.function, self.project.types)

    def fix_of(self, parameter: Parameter) -> Fix | None:
        """The fix of the signature, if it rewrites the parameter."""
        fix, rewritten = self.fix
        return fix if parameter in rewritten else None

    @cached_property
    def fix(self) -> tuple[Fix | None, frozenset[Parameter]]:
        """One fix for the whole signature, and the parameters that it rewrites."""
        module, found = self.function.module, self.found
        opened = function_node(self.function) if self.function.name != "<lambda>" else None
        if opened is None:
            return None, frozenset()
        source, node = opened
        params = {param.name.value: param for param in (*node.params.params, *node.params.kwonly_params)}
        places = {one: params[one.name] for one in found if one.name in params}
        made = {one: new for one, param in places.items() if (new := self._rewriting(one, param)) is not None}
        losing = {one.name for one, new in made.items() if new.moved is None}
        versions = self.project.versions.for_path(module.path)
        home = "typing_extensions" if versions.python is not None and versions.python < (3, 9) else "typing"
        imported = edits.importing(source, home, "Annotated", at=node)
        if not made or imported is None or not self._may_lose(losing):
            return None, frozenset()
        for order, star in self._layouts(losing, node):
            if star is not None and len(made) < len(found):
                break  # a `*` for the sake of half a signature is nothing that anybody would write
            moves = annotated(source, node, list(made.values()), imported[0], order=order, star=star)
            if moves is not None:
                changes = bool(losing) or order is not None or star is not None
                callers = self.project.callers
                is_safe = not changes or (callers.are_known(self.function) and not callers.is_held(self.function))
                safety = Safety.SAFE if is_safe else Safety.UNSAFE
                return Fix("Move the markers into Annotated", safety, (*imported[1], *moves)), frozenset(made)
        return None, frozenset()

    # ---------------------------------------------------------------- order

    def _may_lose(self, losing: set[str]) -> bool:
        """Whether every call in the project gives what will have no default any longer."""
        if not losing:
            return True
        indexes = [(param.name, index) for index, param in enumerate(self.function.params) if param.name in losing]
        uses = self.project.callers.uses(self.function)
        return all(use.passes(name, index) for use in uses if use.is_complete for name, index in indexes)

    def _layouts(self, losing: set[str], node: cst.FunctionDef) -> Iterator[tuple[list[int] | None, int | None]]:
        """The ways to arrange the signature, best first: as it is; sorted; with a `*`."""
        params = [param for param in self.function.params if param.kind == "normal"]
        before = [param for param in self.function.params if param.kind == "positional-only"]
        bare = [param.default is None or param.name in losing for param in params]
        first = next((index for index, is_bare in enumerate(bare) if not is_bare), len(bare))
        late = next((index for index, is_bare in enumerate(bare) if is_bare and index > first), None)
        if any(param.default is not None for param in before) and any(bare):
            return
        if late is None:
            yield None, None
            return
        uses = self.project.callers.uses(self.function)
        order = [i for i, is_bare in enumerate(bare) if is_bare] + [i for i, is_bare in enumerate(bare) if not is_bare]
        moved = [
            (params[i], params[j]) for i in range(len(params)) for j in range(i) if order.index(i) < order.index(j)
        ]
        known = all(not use.is_unpacked and use.positional <= first + len(before) for use in uses)
        if known and not any(self._conflict(one, other) for one, other in moved):
            yield order, None
        has_star = node.params.star_arg is not cst.MaybeSentinel.DEFAULT
        if not has_star and all(not use.is_unpacked and use.positional <= late + len(before) for use in uses):
            yield None, late

    def _conflict(self, one: f.Param, other: f.Param) -> bool:
        """Whether the order of two parameters shows: in the OpenAPI document, or as the order of dependencies."""
        groups = {self._group(one), self._group(other)}
        if "special" in groups:
            return False
        return len(groups) == 1 or ("any" in groups and "depends" not in groups)

    def _group(self, param: f.Param) -> str:
        known = next((one for one in self.parameters if one.fact is param), None)
        if known is None:
            return "special"  # self
        if known.marker in DEPENDS:
            return "depends"
        last = known.marker.rsplit(".", 1)[-1]
        if last:
            return "body" if last in ("Body", "Form", "File") else last
        name = self.project.types.name_of_type(self._value(param.annotation, param.start))
        return "special" if name and name.rsplit(".", 1)[-1] in _SPECIAL else "any"

    # ---------------------------------------------------------------- one parameter

    def _value(self, expr: f.Expr | None, at: int) -> External | ClassObject | FunctionObject | None:
        value = self.project.infer(expr, self.function.module, self.function.facts.outer, at)
        return value if isinstance(value, (External, ClassObject, FunctionObject)) else None

    def _rewriting(self, one: Parameter, param: cst.Param) -> Rewriting | None:
        """How one parameter is rewritten; None when it cannot be without a change of meaning."""
        fact, default = one.fact, param.default
        if fact.kind == "positional-only" or default is None or not is_read_alike(self.project, one):
            return None
        moved = dropped = None
        if one.marker in MARKERS:
            if not isinstance(default, cst.Call) or not isinstance(fact.default, f.CallRef):
                return None
            answer = self._split(one, default)
            if answer is None:
                return None
            moved, dropped = answer
        ignored = {*nodes(moved)} if moved else set()
        names = _names(default, ignored)
        if param.annotation is None:
            text = self.known_type(one)
            return Rewriting(param, annotation=text) if text and not self.deferral.is_deferred else None
        annotation = param.annotation.annotation
        if isinstance(annotation, (cst.SimpleString, cst.ConcatenatedString)):
            return self._of_string(one, param, annotation, names, moved, dropped)
        types = _names(annotation, set())
        if self.deferral.is_deferred:
            if not self._is_seen(names | types):
                return None
        elif any(self.deferral.is_dead(name) for name in types):
            return None
        return Rewriting(
            param, "gain" if self._is_annotated(fact.annotation, one.start) else "wrap", None, moved, dropped
        )

    def _split(self, one: Parameter, call: cst.Call) -> tuple[cst.Arg | None, cst.Arg | None] | None:
        """The argument that becomes the default, and one that only says there is none; None when it is not clear."""
        marker = one.marker_call
        if marker is None or len(marker.args) != len(call.args) or one.marker_module is not self.function.module:
            return None
        names = [arg.name for arg in marker.args]
        given = default_of(one)
        if names.count("") > 1 or "*" in names or (given is None and "**" in names):
            return None
        versions = self.project.versions.for_path(self.function.module.path)
        # FastAPI on Pydantic 1 takes a parameter with a factory for a required one once the marker is in Annotated.
        is_new = versions.always_at_least("pydantic", "2", default=True)
        if "default_factory" in names and (given is not None or not is_new):
            return None
        # Tagged unions inside Annotated work since FastAPI 0.124.3.
        if "discriminator" in names and not versions.always_at_least("fastapi", "0.124.3", default=False):
            return None
        if given is None:
            return None, None
        arg = call.args[marker.args.index(given)]
        if isinstance(arg.value, (cst.NamedExpr, cst.Await, cst.Yield)):
            return None
        if means_required(self.project, given.value, (self.function.module, marker.block, marker.start)):
            return None, arg
        return None if one.marker == "fastapi.Path" else (arg, None)

    def _is_annotated(self, annotation: f.Expr | None, at: int) -> bool:
        if not isinstance(annotation, f.Sub):
            return False
        value = self._value(annotation.value, at)
        return isinstance(value, External) and value.name == "typing.Annotated"

    def _of_string(
        self,
        one: Parameter,
        param: cst.Param,
        annotation: cst.SimpleString | cst.ConcatenatedString,
        names: set[str],
        moved: cst.Arg | None,
        dropped: cst.Arg | None,
    ) -> Rewriting | None:
        """FastAPI evaluates a string as a whole, but none inside Annotated: it stays one, or its names are defined."""
        text = annotation.evaluated_value
        if not isinstance(text, str):
            return None
        try:
            types = _names(cst.parse_expression(text.strip()), set())
        except cst.ParserSyntaxError:
            return None
        if target_of(one) is not None and not self.deferral.is_deferred:
            return Rewriting(param)
        if self.deferral.settled(types) and (not self.deferral.is_deferred or self._is_seen(names)):
            return Rewriting(param, "wrap", text.strip(), moved, dropped)
        if (
            self.deferral.is_deferred
            or any(self.deferral.is_dead(name) for name in types)
            or text.startswith("Annotated[")
        ):
            return None
        if self._is_seen(names):
            return Rewriting(param, "quote", text.strip(), moved, dropped)
        return None

    def known_type(self, one: Parameter) -> str | None:
        """What to call the type that a dependency gives, if it is known and has its name in this module."""
        call, module, first = one.marker_call, one.marker_module, target_of(one)
        if call is None or module is not self.function.module or first is None:
            return None
        target = self.project.infer(first, module, call.block, call.start)
        if isinstance(target, ClassObject) and isinstance(first, (f.Name, f.Attr)):
            return written(self.function, first) if self._names_class(first, call) else None
        if not isinstance(target, FunctionObject) or target.function.facts.returns is None:
            return None
        giver = target.function
        returns: f.Expr | None = giver.facts.returns
        place = (giver.module, giver.facts.outer, giver.facts.start)
        if giver.is_generator:
            returns = returns.items[0] if isinstance(returns, f.Sub) and returns.items else None
        if not isinstance(returns, (f.Name, f.Attr)):
            return None
        declared = self.project.types.infer(returns, place)
        here = self._value(returns, self.function.facts.start)
        if here is None or here != declared:
            return None
        if isinstance(here, External):
            last = here.name.rsplit(".", 1)[-1]
            plain = last in ("str", "int", "bool", "float", "bytes") if "." not in here.name else last[:1].isupper()
            return written(self.function, returns) if plain and last not in _SPECIAL and last != "Any" else None
        return written(self.function, returns) if isinstance(here, ClassObject) else None

    def _names_class(self, expr: f.Name | f.Attr, call: f.Call) -> bool:
        """Whether an expression is the name of a class, not a variable that holds one."""
        module, types = self.function.module, self.project.types
        where = (module, call.block, call.start)
        if isinstance(expr, f.Attr):
            return isinstance(types.infer(expr.value, where), ModuleObject)
        return all(isinstance(one.entry, (f.Import, Class)) for one in types.find_bindings(expr.id, where))

    def _is_seen(self, names: set[str]) -> bool:
        """Whether a string in the place of the annotation could use these names."""
        at_once = not self.deferral.is_in_loop or is_routed(self.function)
        return at_once and self.deferral.settled(names) and self._sees_module()

    def _sees_module(self) -> bool:
        """Whether FastAPI evaluates the strings of this function in its own module: decorators may hide that."""
        module = self.function.module
        versions = self.project.versions.for_path(module.path)
        if versions.always_at_least("fastapi", "0.123.5", default=False):
            return True
        own = {f"{module.name}.{each.qualname}" for each in module.functions}
        names = self.project.types.decorators(self.function)
        if self.function in self.project.routes.by_handler and len(names) == 1:
            return True
        return all(name.startswith(_TRANSPARENT) or name in own for name in names) or (
            len(names) == 1 and is_routed(self.function)
        )


def _names(node: cst.CSTNode, ignored: set[cst.CSTNode]) -> set[str]:
    """The names that an expression reads from outside, those of an ignored part left out."""
    inner = {each.name.value for each in nodes(node) if isinstance(each, cst.Param)}
    inner |= {
        name.value
        for each in nodes(node)
        if isinstance(each, cst.CompFor)
        for name in nodes(each.target)
        if isinstance(name, cst.Name)
    }
    labels: set[cst.CSTNode] = set()
    found = set()
    for each in nodes(node, into=lambda child: child not in ignored):
        if isinstance(each, cst.Attribute):
            labels.add(each.attr)
        elif isinstance(each, cst.Arg) and each.keyword is not None:
            labels.add(each.keyword)
        elif isinstance(each, cst.Name) and each not in labels and each not in ignored:
            found.add(each.value)
    return found - inner


def is_routed(function: Function) -> bool:
    """Whether a decorator looks like that of a route (of a router that may not be known)."""
    for decorator in function.facts.decorators:
        if isinstance(decorator, f.CallRef):
            called = function.module.facts.calls[decorator.index].func
            if isinstance(called, f.Attr) and called.attr in _ROUTES:
                return True
    return False


def written(function: Function, expr: f.Expr | None) -> str:
    if isinstance(expr, f.CallRef):
        call = function.module.facts.calls[expr.index]
        return function.module.source.slice(call.start, call.end)
    if isinstance(expr, f.Attr):
        return f"{written(function, expr.value)}.{expr.attr}"
    return expr.id if isinstance(expr, f.Name) else "..."
