"""FAPI201: Depends, Query and their kin as the default of a parameter. `edits.annotated` moves the text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import libcst as cst

from fastapi_lint.finding import Finding, Fix, Safety
from fastapi_lint.fixing import edits
from fastapi_lint.fixing.edits.annotated import Rewriting, annotated
from fastapi_lint.fixing.edits.bindings import nodes
from fastapi_lint.fixing.edits.calls import function_node
from fastapi_lint.index import facts as f
from fastapi_lint.model import Class, ClassObject, External, Function, FunctionObject, Parameter
from fastapi_lint.model.injection import MARKERS, default_of, is_read_alike, means_required, target_of
from fastapi_lint.model.names import ModuleObject
from fastapi_lint.model.types import DEPENDS, Deferral
from fastapi_lint.rule import Check, rule

_ROUTES = frozenset({"get", "post", "put", "patch", "delete", "head", "options", "trace", "api_route", "websocket"})
_SPECIAL = frozenset({"Request", "WebSocket", "HTTPConnection", "Response", "BackgroundTasks", "SecurityScopes"})
_TRANSPARENT = ("fastapi.", "starlette.", "contextlib.", "typing.", "staticmethod", "classmethod", "abc.")


@rule("FAPI201", fix=Safety.SAFE)
def parameter_without_annotated(function: Function, check: Check) -> Iterator[Finding]:
    """A parameter has `Depends(...)`, `Query(...)` or another marker as its default value.

    Why is this bad?
    The default of such a parameter is not what it seems: called from a test, a script or another function, it receives
    the marker object itself. Type checkers believe a lie, Python does not ask for arguments that are required, and a
    real default is hidden inside the marker. With `Annotated[Session, Depends(get_session)]` the signature means what
    it says, the function can be called by anybody, and the type can be given a name and used again.

    Known limits
    `Query`, `Path`, `Body`, `Header`, `Cookie`, `Form` and `File` are reported in endpoints and dependencies, `Depends`
    and `Security` everywhere. Nothing is reported where the project declares a FastAPI older than 0.95.

    There is no fix where the meaning could change: parameters without a type (unless the dependency tells it and the
    module has a name for it), positional-only ones and those of a lambda, defaults in shared `Query()` variables or
    behind `**`, constrained types that FastAPI did not look into before, names that a deferred annotation cannot see,
    and functions that the project itself calls without the argument. `Depends(Provide[...])` is not reported unless the
    project declares dependency-injector 4.46 or newer: older ones look for it in defaults alone. A parameter that loses
    its default moves in front of those that keep theirs if neither a caller nor the OpenAPI document notices, else
    behind a `*`.

    References
    - [Dependencies](https://fastapi.tiangolo.com/tutorial/dependencies/#share-annotated-dependencies)
    - [Advantages of Annotated](https://fastapi.tiangolo.com/tutorial/query-params-str-validations/#advantages-of-annotated)
    - [Release notes: 0.95.0](https://fastapi.tiangolo.com/release-notes/#0950-2023-03-18)
    - [PEP 593](https://peps.python.org/pep-0593/)
    """
    if not any(isinstance(param.default, (f.CallRef, f.Name, f.Attr)) for param in function.params):
        return
    parameters = check.project.dependencies.parameters(function)
    found = [one for one in parameters if one.marker and not one.in_annotation]
    if not all(one.marker in DEPENDS for one in found) and not _is_served(function, parameters, check):
        found = [one for one in found if one.marker in DEPENDS]
    versions = check.project.versions.for_path(function.module.path)
    if found and versions.always_at_least("dependency-injector", "4.46", default=False) is not True:
        found = [one for one in found if not _is_wired(one, check)]
    if not found or versions.never_at_least("fastapi", "0.95.0"):
        return
    signature = _Signature(function, parameters, check, found)
    for one in found:
        yield check.finding(one, _message(function, one), fix=partial(signature.fix_of, one))


def _is_served(function: Function, parameters: Sequence[Parameter], check: Check) -> bool:
    """Whether FastAPI calls the function: an endpoint, a dependency, or by all appearances one of them."""
    if any(one.marker in DEPENDS for one in parameters):
        return True
    project = check.project
    return function in project.routes.by_handler or function in project.dependencies.injected or _is_routed(function)


def _is_routed(function: Function) -> bool:
    """Whether a decorator looks like that of a route (of a router that may not be known)."""
    for decorator in function.facts.decorators:
        if isinstance(decorator, f.CallRef):
            called = function.module.facts.calls[decorator.index].func
            if isinstance(called, f.Attr) and called.attr in _ROUTES:
                return True
    return False


def _is_wired(one: Parameter, check: Check) -> bool:
    """Whether dependency-injector puts in the value: its `@inject` looks for `Depends(Provide[...])`."""
    target, call, module = target_of(one), one.marker_call, one.marker_module
    if call is None or module is None:
        return False
    if isinstance(target, f.CallRef):
        target = module.facts.calls[target.index].func
    name = check.project.name(target.value if isinstance(target, f.Sub) else target, module, call.block, call.start)
    return name is not None and name.startswith("dependency_injector.wiring.")


def _message(function: Function, one: Parameter) -> str:
    module, fact = function.module, one.fact
    marker = one.marker.rsplit(".", 1)[-1]
    written, default = _slice(function, fact.default), ""
    given = default_of(one)
    if one.marker in MARKERS and isinstance(fact.default, f.CallRef) and one.marker_call is not None:
        name = written.partition("(")[0]
        others = [module.source.slice(arg.start, arg.end) for arg in one.marker_call.args if arg is not given]
        written = f"{name}({', '.join(others)})"
        value = given.value if given else None
        if given is not None and marker != "Path" and not isinstance(value, f.Raw):
            text = module.source.slice(given.start, given.end)
            default = f" = {text.partition('=')[2].strip() if given.name else text}"
    elif given is not None and not isinstance(given.value, f.Raw):
        default = " = ..."
    if len(written) > 60 or "\n" in written:
        written = f"{marker}(...)"
    if len(default) > 30 or "\n" in default:
        default = " = ..."
    if function.name == "<lambda>":
        new = f"`{fact.name}: Annotated[..., {written}]`"
        return f"`{fact.name}` of a lambda has a {marker} marker as its default value; write a `def` with {new}"
    start, end = _annotation_place(function, one)
    annotation = module.source.slice(start, end) if end > start else "..."
    if len(annotation) > 60 or "\n" in annotation:
        annotation = "..."
    if annotation.startswith(("Annotated[", "typing.Annotated[")) and annotation.endswith("]"):
        new = f"{annotation[:-1]}, {written}]{default}"
    else:
        new = f"Annotated[{annotation}, {written}]{default}"
    return (
        f"`{fact.name}` of `{function.name}` has a {marker} marker as its default value, which a direct call gets;"
        f" write `{fact.name}: {new}`"
    )


def _annotation_place(function: Function, one: Parameter) -> tuple[int, int]:
    """Where the annotation of a parameter stands, by the text between its colon and its equals sign."""
    data = function.module.text
    if one.fact.annotation is None:
        return 0, 0
    start = data.index(b":", one.start) + 1
    stop = _start_of_default(function, one)
    end = data.rindex(b"=", start, stop) if b"=" in data[start:stop] else start
    if data[end - 1 : end] == b":":  # of a walrus in the default
        end = data.rindex(b"=", start, end)
    text = data[start:end]
    return start + len(text) - len(text.lstrip()), start + len(text.rstrip())


def _start_of_default(function: Function, one: Parameter) -> int:
    default = one.fact.default
    if isinstance(default, f.CallRef):
        return function.module.facts.calls[default.index].start
    return one.end


def _slice(function: Function, expr: f.Expr | None) -> str:
    if isinstance(expr, f.CallRef):
        call = function.module.facts.calls[expr.index]
        return function.module.source.slice(call.start, call.end)
    if isinstance(expr, f.Attr):
        return f"{_slice(function, expr.value)}.{expr.attr}"
    return expr.id if isinstance(expr, f.Name) else "..."


@dataclass(frozen=True)
class _Signature:
    """A function whose markers are to move: what can be rewritten, and in which order it must stand."""

    function: Function
    parameters: Sequence[Parameter]
    check: Check
    found: Sequence[Parameter]

    @cached_property
    def deferral(self) -> Deferral:
        """When its annotations are evaluated."""
        return Deferral(self.function, self.check.project.types)

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
        versions = self.check.project.versions.for_path(module.path)
        home = "typing_extensions" if versions.python is not None and versions.python < (3, 9) else "typing"
        imported = edits.importing(source, home, "Annotated", at=node)
        if not made or imported is None or not self._may_lose(losing):
            return None, frozenset()
        for order, star in self._layouts(losing, node):
            if star is not None and len(made) < len(found):
                break  # a `*` for the sake of half a signature is nothing that anybody would write
            moves = annotated(source, node, list(made.values()), imported[0], order=order, star=star)
            if moves is not None:
                return Fix("Move the markers into Annotated", Safety.SAFE, (*imported[1], *moves)), frozenset(made)
        return None, frozenset()

    # ---------------------------------------------------------------- order

    def _may_lose(self, losing: set[str]) -> bool:
        """Whether every call in the project gives what will have no default any longer."""
        if not losing:
            return True
        indexes = [(param.name, index) for index, param in enumerate(self.function.params) if param.name in losing]
        uses = self.check.project.callers.uses(self.function)
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
        uses = self.check.project.callers.uses(self.function)
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
        name = self.check.project.types.name_of_type(self._value(param.annotation, param.start))
        return "special" if name and name.rsplit(".", 1)[-1] in _SPECIAL else "any"

    # ---------------------------------------------------------------- one parameter

    def _value(self, expr: f.Expr | None, at: int) -> External | ClassObject | FunctionObject | None:
        value = self.check.project.infer(expr, self.function.module, self.function.facts.outer, at)
        return value if isinstance(value, (External, ClassObject, FunctionObject)) else None

    def _rewriting(self, one: Parameter, param: cst.Param) -> Rewriting | None:
        """How one parameter is rewritten; None when it cannot be without a change of meaning."""
        fact, default = one.fact, param.default
        if fact.kind == "positional-only" or default is None or not is_read_alike(self.check.project, one):
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
            text = self._known_type(one)
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
        versions = self.check.project.versions.for_path(self.function.module.path)
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
        if means_required(self.check.project, given.value, (self.function.module, marker.block, marker.start)):
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

    def _known_type(self, one: Parameter) -> str | None:
        """What to call the type that a dependency gives, if it is known and has its name in this module."""
        call, module, first = one.marker_call, one.marker_module, target_of(one)
        if call is None or module is not self.function.module or first is None:
            return None
        target = self.check.project.infer(first, module, call.block, call.start)
        if isinstance(target, ClassObject) and isinstance(first, (f.Name, f.Attr)):
            return _slice(self.function, first) if self._names_class(first, call) else None
        if not isinstance(target, FunctionObject) or target.function.facts.returns is None:
            return None
        giver = target.function
        returns: f.Expr | None = giver.facts.returns
        place = (giver.module, giver.facts.outer, giver.facts.start)
        if giver.is_generator:
            returns = returns.items[0] if isinstance(returns, f.Sub) and returns.items else None
        if not isinstance(returns, (f.Name, f.Attr)):
            return None
        declared = self.check.project.types.infer(returns, place)
        here = self._value(returns, self.function.facts.start)
        if here is None or here != declared:
            return None
        if isinstance(here, External):
            last = here.name.rsplit(".", 1)[-1]
            plain = last in ("str", "int", "bool", "float", "bytes") if "." not in here.name else last[:1].isupper()
            return _slice(self.function, returns) if plain and last not in _SPECIAL and last != "Any" else None
        return _slice(self.function, returns) if isinstance(here, ClassObject) else None

    def _names_class(self, expr: f.Name | f.Attr, call: f.Call) -> bool:
        """Whether an expression is the name of a class, not a variable that holds one."""
        module, types = self.function.module, self.check.project.types
        where = (module, call.block, call.start)
        if isinstance(expr, f.Attr):
            return isinstance(types.infer(expr.value, where), ModuleObject)
        return all(isinstance(one.entry, (f.Import, Class)) for one in types.find_bindings(expr.id, where))

    def _is_seen(self, names: set[str]) -> bool:
        """Whether a string in the place of the annotation could use these names."""
        at_once = not self.deferral.is_in_loop or _is_routed(self.function)
        return at_once and self.deferral.settled(names) and self._sees_module()

    def _sees_module(self) -> bool:
        """Whether FastAPI evaluates the strings of this function in its own module: decorators may hide that."""
        module = self.function.module
        versions = self.check.project.versions.for_path(module.path)
        if versions.always_at_least("fastapi", "0.123.5", default=False):
            return True
        own = {f"{module.name}.{each.qualname}" for each in module.functions}
        names = self.check.project.types.decorators(self.function)
        if self.function in self.check.project.routes.by_handler and len(names) == 1:
            return True
        return all(name.startswith(_TRANSPARENT) or name in own for name in names) or (
            len(names) == 1 and _is_routed(self.function)
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
