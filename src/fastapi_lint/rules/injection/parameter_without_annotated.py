"""FAPI201: Depends, Query and their kin as the default of a parameter. `edits.signatures` makes the fix."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial

from fastapi_lint.finding import Finding, Safety, Severity
from fastapi_lint.fixing.edits.signatures import Signature, is_routed, written
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function, Parameter
from fastapi_lint.model.injection import MARKERS, default_of, is_marked_twice, means_required, target_of
from fastapi_lint.model.types import DEPENDS, Where, names_in
from fastapi_lint.rule import Check, rule

_LONGEST = 120
"""Characters of code in a message: what is longer is described."""


@rule("FAPI201", fix=Safety.SAFE)
def parameter_without_annotated(function: Function, check: Check) -> Iterator[Finding]:
    """A parameter has `Depends(...)`, `Query(...)` or another marker as its default value.

    Why is this bad?
    The default of such a parameter is not what it seems: called from a test, a script or another function, it receives
    the marker object itself. Type checkers believe a lie, Python does not ask for arguments that are required, and a
    real default is hidden inside the marker. With `Annotated[Session, Depends(get_session)]` the signature means what
    it says, the function can be called by anybody, and the type can be given a name and used again.

    Beside another marker in `Annotated` it is an error: FastAPI refuses the signature when the route is registered.

    Known limits
    `Query`, `Path`, `Body`, `Header`, `Cookie`, `Form` and `File` are reported in endpoints and dependencies, `Depends`
    and `Security` everywhere. Nothing is reported where the project declares a FastAPI older than 0.95, nor of markers
    that a function of the project makes.

    There is no fix where the meaning could change: parameters without a type (unless the dependency tells it and the
    module has a name for it), positional-only ones and those of a lambda, defaults in shared `Query()` variables or
    behind `**`, constrained types that FastAPI did not look into before, names that a deferred annotation cannot see,
    and functions that the project itself calls without the argument. It counts as unsafe where a parameter of a method
    loses its default or its place, and not all calls by that name can be resolved. `Depends(Provide[...])` is not
    reported unless the project declares dependency-injector 4.46 or newer: older ones look for it in defaults alone. A
    parameter that loses its default moves in front of those that keep theirs if neither a caller nor the OpenAPI
    document notices, else behind a `*`.

    References
    - [Dependencies](https://fastapi.tiangolo.com/tutorial/dependencies/#share-annotated-dependencies)
    - [Advantages of Annotated](https://fastapi.tiangolo.com/tutorial/query-params-str-validations/#advantages-of-annotated)
    - [Release notes: 0.95.0](https://fastapi.tiangolo.com/release-notes/#0950-2023-03-18)
    - [PEP 593](https://peps.python.org/pep-0593/)
    """
    if not any(isinstance(param.default, (f.CallRef, f.Name, f.Attr)) for param in function.params):
        return
    parameters = check.project.dependencies.parameters(function)
    found = [one for one in parameters if one.marker and not one.in_annotation and not one.is_made_elsewhere]
    if not all(one.marker in DEPENDS for one in found) and not _is_served(function, parameters, check):
        found = [one for one in found if one.marker in DEPENDS]
    versions = check.project.versions.for_path(function.module.path)
    if found and versions.always_at_least("dependency-injector", "4.46", default=False) is not True:
        found = [one for one in found if not _is_wired(one, check)]
    if not found or versions.never_at_least("fastapi", "0.95.0"):
        return
    signature = Signature(function, parameters, check.project, found)
    for one in found:
        marker = one.marker.rsplit(".", 1)[-1]
        where = "a lambda" if function.name == "<lambda>" else f"`{function.name}`"
        if is_marked_twice(check.project, one):
            yield check.finding(
                one,
                f"`{one.name}` of {where} has a marker in `Annotated` and another as its default",
                why="FastAPI refuses this when the route is registered",
                instead=_single(one, check),
                severity=Severity.ERROR,
            )
            continue
        yield check.finding(
            one,
            f"`{one.name}` of {where} has a {marker} marker as its default value",
            why="a direct call gets the marker",
            instead=_instead(function, one, signature, check),
            fix=partial(signature.fix_of, one),
        )


def _is_served(function: Function, parameters: Sequence[Parameter], check: Check) -> bool:
    """Whether FastAPI calls the function: an endpoint, a dependency, or by all appearances one of them."""
    if any(one.marker in DEPENDS for one in parameters):
        return True
    project = check.project
    return function in project.routes.by_handler or function in project.dependencies.injected or is_routed(function)


def _is_wired(one: Parameter, check: Check) -> bool:
    """Whether dependency-injector puts in the value: its `@inject` looks for `Depends(Provide[...])`."""
    target, call, module = target_of(one), one.marker_call, one.marker_module
    if call is None or module is None:
        return False
    if isinstance(target, f.CallRef):
        target = module.facts.calls[target.index].func
    name = check.project.name(target.value if isinstance(target, f.Sub) else target, module, call.block, call.start)
    return name is not None and name.startswith("dependency_injector.wiring.")


# ---------------------------------------------------------------- what to write instead


def _single(one: Parameter, check: Check) -> str:
    """The remedy where there are two markers: the value of the second stays the default, if it has one."""
    given = default_of(one)
    if given is None or means_required(check.project, given.value, _where(one)):
        return "drop the default"
    value = _value(one, given)
    return f"write `= {value}` alone as the default" if value else "write the bare value as the default"


def _instead(function: Function, one: Parameter, signature: Signature, check: Check) -> str:
    """The code to write, where it is short enough to be read and means what is meant; else what to do."""
    given = default_of(one)
    if given is not None and means_required(check.project, given.value, _where(one)):
        given = None
    is_shared = not isinstance(one.fact.default, f.CallRef)
    if is_shared and given is not None:
        name = written(function, one.fact.default)
        return f"give `{name}` no default, put it into `Annotated` with the type, and the default into the signature"
    unknown = [name for name in names_in(one.fact.annotation) if signature.deferral.is_dead(name)]
    first = f"import `{unknown[0]}` at run time, and then " if unknown else ""
    if function.name == "<lambda>":
        return "write a `def` with the type and the marker in `Annotated`"
    kind = _kind(function, one) or signature.known_type(one)
    marker = _marker(function, one, given)
    default = "" if given is None or one.marker == "fastapi.Path" else _value(one, given)
    behind = "" if given is None else f", and `= {default}` behind it" if default else ", and the default behind it"
    if kind is None and one.fact.annotation is None and marker is not None and len(marker) < _LONGEST:
        return f"declare its type, and put `{marker}` beside it into `Annotated`{behind}"
    if kind is None or marker is None or default is None:
        return f"{first}put the type and the marker into `Annotated`{behind}"
    if kind.startswith(("Annotated[", "typing.Annotated[")) and kind.endswith("]"):
        new = f"{kind[:-1]}, {marker}]"
    else:
        new = f"Annotated[{kind}, {marker}]"
    text = f"{one.name}: {new}{f' = {default}' if default else ''}"
    if len(text) > _LONGEST:
        return f"{first}put the type and the marker into `Annotated`{behind}"
    return f"{first}write `{text}`"


def _where(one: Parameter) -> Where:
    assert one.marker_module is not None and one.marker_call is not None
    return one.marker_module, one.marker_call.block, one.marker_call.start


def _marker(function: Function, one: Parameter, given: f.Arg | None) -> str | None:
    """The marker as it is written, without its default, on one line; None when that is not to be had."""
    default, call, module = one.fact.default, one.marker_call, function.module
    if not isinstance(default, f.CallRef):
        return written(function, default)
    if call is None or one.marker not in MARKERS:
        return _line(written(function, default))
    args = [module.source.slice(arg.start, arg.end) for arg in call.args if arg is not default_of(one)]
    return _line(f"{written(function, default).partition('(')[0]}({', '.join(args)})")


def _value(one: Parameter, given: f.Arg) -> str | None:
    """The default inside a marker as it is written; None when that takes several lines."""
    assert one.marker_module is not None
    text = one.marker_module.source.slice(given.start, given.end)
    return _line(text.partition("=")[2].strip() if given.name else text)


def _kind(function: Function, one: Parameter) -> str | None:
    """The annotation as it is written; None without one."""
    start, end = _annotation_place(function, one)
    return _line(function.module.source.slice(start, end)) if end > start else None


def _line(text: str) -> str | None:
    """Code on one line, joined from several where these hold neither texts nor comments."""
    if "\n" not in text:
        return text
    if any(mark in text for mark in "\"'#"):
        return None
    return re.sub(r"\s*\n\s*", " ", text).replace("( ", "(").replace("[ ", "[").replace(", )", ")").replace(", ]", "]")


def _annotation_place(function: Function, one: Parameter) -> tuple[int, int]:
    """Where the annotation of a parameter stands, by the text between its colon and its equals sign."""
    data = function.module.source.utf8
    if one.fact.annotation is None:
        return 0, 0
    start = data.index(b":", one.start) + 1
    default = one.fact.default
    stop = function.module.facts.calls[default.index].start if isinstance(default, f.CallRef) else one.end
    end = data.rindex(b"=", start, stop) if b"=" in data[start:stop] else start
    if data[end - 1 : end] == b":":  # of a walrus in the default
        end = data.rindex(b"=", start, end)
    text = data[start:end]
    return start + len(text) - len(text.lstrip()), start + len(text.rstrip())
