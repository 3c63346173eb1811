"""FAPI320: deprecated arguments of Query, Path and their kin, and of FastAPI. Obeys declared versions."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Edit, Finding, Fix, Safety
from fastapi_lint.fixing.edits.calls import value_text
from fastapi_lint.index import facts as f
from fastapi_lint.model import Module
from fastapi_lint.model.data import LIMITS
from fastapi_lint.model.injection import MARKERS
from fastapi_lint.rule import Check, rule

_KNOWN = frozenset({
    "default", "default_factory", "annotation", "alias", "alias_priority", "validation_alias", "serialization_alias",
    "convert_underscores", "embed", "media_type", "title", "description", "gt", "ge", "lt", "le", "min_length",
    "max_length", "pattern", "regex", "discriminator", "strict", "validate_default", "union_mode", "fail_fast",
    "multiple_of", "allow_inf_nan", "max_digits", "decimal_places", "examples", "example", "openapi_examples",
    "deprecated", "include_in_schema", "json_schema_extra",
})  # fmt: skip
"""Every named argument that a marker of FastAPI has had since 0.100; all others went into the schema as extras."""
_FINE = _KNOWN | {"", "*", "**"}
_RENAMED = {"regex": "pattern", "openapi_prefix": "root_path", "example": "examples"} | LIMITS
_SINCE = {"regex": "0.100", "example": "0.103", "openapi_prefix": "0.62"}
_APP = "fastapi.FastAPI"


@rule("FAPI320", fix=Safety.UNSAFE)
def deprecated_parameter_argument(module: Module, check: Check) -> Iterator[Finding]:
    """A parameter or an app is declared with a deprecated argument.

    Why is this bad?
    `regex` is `pattern` since FastAPI 0.100, `example` is `examples=[...]` since OpenAPI 3.1, `openapi_prefix` is
    `root_path`; other keywords once went into the schema as extras and belong in `json_schema_extra`. The old names
    warn on every start and are taken away one after the other: with a current FastAPI, `min_items` on `Query` is a
    `TypeError`, and where it is still accepted it validates nothing. So it is with a limit under the name of another
    library: `lte=100` is no `le=100`.

    Fix safety
    `regex` to `pattern` and `openapi_prefix` to `root_path` are safe and applied by `--fix`. `example` to `examples`,
    `min_items` to `min_length` and `lte` to `le` are unsafe: the example moves to another place of the OpenAPI
    document, and the limit is checked from then on.

    Known limits
    Arguments of `pydantic.Field` have their own rule. Where the project declares a FastAPI without the replacement,
    nothing is reported.

    References
    - [Release notes: 0.100](https://fastapi.tiangolo.com/release-notes/#01000-2023-07-07)
    - [Declare request example data](https://fastapi.tiangolo.com/tutorial/schema-extra-example/)
    """
    if b"astapi" not in module.source.data:
        return
    for call in module.facts.calls:
        suspects = [arg for arg in call.args if arg.name in _SINCE or arg.name not in _FINE]
        name = check.project.called_name(module, call) if suspects else None
        if name is None or (name not in MARKERS and name != _APP):
            continue
        declared = check.project.versions.for_path(module.path)
        for arg in suspects:
            if (name == _APP) is not (arg.name == "openapi_prefix") or _is_forwarded(module, call, arg):
                continue
            since = _SINCE.get(arg.name, "0.100")
            if not declared.never_at_least("fastapi", since, default=False):
                rewritable = declared.always_at_least("fastapi", since, default=True) is True
                yield _judged(module, call, arg, name.rsplit(".", 1)[-1], check, rewritable=rewritable)


def _is_forwarded(module: Module, call: f.Call, arg: f.Arg) -> bool:
    """Whether a function passes on its own parameter of that name: it wraps the marker and has to know the old name."""
    function = module.enclosing(call.block)
    mine = function is not None and any(param.name == arg.name for param in function.params)
    return mine and arg.value == f.Name(arg.name)


def _judged(module: Module, call: f.Call, arg: f.Arg, marker: str, check: Check, *, rewritable: bool) -> Finding:
    names = {other.name for other in call.args}
    text = value_text(module, arg)
    shown = text if len(text) <= 30 and "\n" not in text else "..."
    new = _RENAMED.get(arg.name)
    if new is None:
        return check.finding(
            arg,
            f"`{arg.name}` is no argument of `{marker}`",
            why="extra keywords are deprecated since FastAPI 0.100 and fail with current ones",
            instead=f'write `json_schema_extra={{"{arg.name}": {shown}}}`',
        )
    edit, safety = _renamed(module, arg, new), Safety.SAFE
    title, why, instead = (
        f"`{arg.name}` is no argument of `{marker}`",
        "it validates nothing, or fails",
        f"{new}={shown}",
    )
    match arg.name:
        case "regex":
            title, why = f"`regex` of `{marker}` is deprecated", "FastAPI warns since 0.100, and may take it away"
        case "openapi_prefix":
            title, why = (
                "`openapi_prefix` is gone from `FastAPI`",
                "it fails with current ones",
            )
            instead = "root_path`, or give the server `--root-path"
        case "example":
            title, why = f"`example` of `{marker}` is deprecated", "JSON Schema as OpenAPI 3.1 has it knows `examples`"
            instead = f"examples=[{shown}]"
            edit, safety = Edit(module.source.span(arg.start, arg.end), f"examples=[{text}]"), Safety.UNSAFE
            rewritable = rewritable and "openapi_examples" not in names
        case _:
            safety = Safety.UNSAFE
    if not rewritable or new in names or "**" in names or "#" in text or module.facts.errors:
        return check.finding(arg, title, why=why, instead=f"write `{instead}`")
    return check.finding(arg, title, why=why, instead=f"write `{instead}`", fix=Fix(f"Write {new}", safety, (edit,)))


def _renamed(module: Module, arg: f.Arg, name: str) -> Edit:
    return Edit(module.source.span(arg.start, arg.start + len(arg.name)), name)
