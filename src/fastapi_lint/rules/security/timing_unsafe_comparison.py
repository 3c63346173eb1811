"""FAPI616: secrets that are compared with `==`."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import libcst as cst

from fastapi_lint.finding import Finding, Fix, Safety
from fastapi_lint.fixing.edits import comments_in, importing, replace
from fastapi_lint.fixing.edits.bindings import nodes
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function, Instance, Module
from fastapi_lint.model.project import expression_of
from fastapi_lint.model.secrets import Comparing, Comparison, is_asked_before, may_be_none
from fastapi_lint.rule import Check, rule

_HOLDERS = ("fastapi.security.HTTPBasicCredentials", "fastapi.security.HTTPAuthorizationCredentials")


@rule("FAPI616", fix=Safety.UNSAFE, hint=r"==|!=", needs_requests=True)
def timing_unsafe_comparison(function: Function, check: Check) -> Iterator[Finding]:
    """A secret of the server is compared with what a request brings by `==` or `!=`.

    Why is this bad?
    `==` stops at the first character that differs. How long the answer takes tells how many were right, so that a key
    or signature can be found out character by character. `secrets.compare_digest` takes the same time for all.

    Fix safety
    `secrets.compare_digest` wants two texts or two bytes; the fix encodes texts, since it refuses those that are not
    ASCII. There is none where one of them may be None.

    Known limits
    Both sides have to be known: a parameter, header, cookie or credential of a request, and a setting, environment
    variable, constant or computed signature that is a secret by its name.

    References
    - [FastAPI: timing attacks](https://fastapi.tiangolo.com/advanced/security/http-basic-auth/#timing-attacks)
    - [secrets.compare_digest](https://docs.python.org/3/library/secrets.html#secrets.compare_digest)
    """
    module = function.module
    if module.is_test:
        return
    for found in Comparing(check.project).comparisons(function):
        yield check.finding(
            _place(module, found),
            f"A secret is compared with `{found.compare.operators[0]}` in `{function.name}`",
            why="how long it takes tells how many characters were right, until all are found out",
            instead="use `secrets.compare_digest`",
            fix=partial(_fix, module, found, check) if _are_texts(module, found, check) else None,
        )


def _place(module: Module, found: Comparison) -> tuple[int, int]:
    """The comparison as far as it is found behind the start of its statement, else the line."""
    end = module.text.find(b"\n", found.start)
    return found.start, end if end >= 0 else len(module.text)


def _are_texts(module: Module, found: Comparison, check: Check) -> bool:
    for side in found.compare.operands:
        value = check.project.infer(side, module, found.block, found.start)
        if isinstance(side, f.Name) and _may_be_left_out(side.id, module, found, check):
            return False
        if _is_missing(side, module, found, check):
            return False
        if isinstance(side, f.Attr) and side.attr in ("credentials", "password"):
            owner = check.project.infer(side.value, module, found.block, found.start)
            if check.project.types.is_instance(owner, *_HOLDERS):
                continue
        if isinstance(side, f.Name) and _is_hexadecimal(side, module, found, check):
            continue
        if not isinstance(side, (f.Name, f.Attr)) or not isinstance(value, Instance) or value.cls != "str":
            return False
    return True


def _is_missing(side: f.Expr, module: Module, found: Comparison, check: Check) -> bool:
    """Whether a side may be None, which has nothing to encode, and nothing excludes that before."""
    where = (module, found.block, found.start)
    function = module.enclosing(found.block)
    if function is None or not may_be_none(check.project, side, where):
        return False
    return not is_asked_before(function, side, found.compare, where)


def _may_be_left_out(name: str, module: Module, found: Comparison, check: Check) -> bool:
    """Whether a parameter is injected: a security scheme without `auto_error` gives None, whatever is declared."""
    function = module.enclosing(found.block)
    parameters = check.project.dependencies.parameters(function) if function is not None else ()
    return any(each.name == name and each.marker in ("fastapi.Depends", "fastapi.Security") for each in parameters)


def _is_hexadecimal(side: f.Name, module: Module, found: Comparison, check: Check) -> bool:
    """Whether a name holds the text of a digest."""
    meant = list(check.project.values.definitions(side, (module, found.block, found.start)))
    if len(meant) != 1 or not isinstance(meant[0][0], f.CallRef):
        return False
    return f.last_name(meant[0][1][0].facts.calls[meant[0][0].index].func) == "hexdigest"


def _fix(module: Module, found: Comparison, check: Check) -> Fix | None:
    source = module.excerpt(found.start)
    if source is None or module.facts.errors:
        return None
    line = module.source.line_of(found.start)
    operator = cst.NotEqual if found.compare.operators[0] == "!=" else cst.Equal
    for node in nodes(source.tree):
        if not isinstance(node, cst.Comparison) or len(node.comparisons) != 1:
            continue
        if not isinstance(node.comparisons[0].operator, operator):
            continue
        span = source.span_of(node)
        sides = (node.left, node.comparisons[0].comparator)
        if span.line < line or tuple(map(expression_of, sides)) != found.compare.operands or comments_in(source, node):
            continue
        given = importing(source, "secrets", "compare_digest", at=node)
        if given is None:
            return None
        left, right = (cst.Module([]).code_for_node(side) for side in sides)
        negated = "not " if found.compare.operators[0] == "!=" else ""
        code = f"{negated}{given[0]}({left}.encode(), {right}.encode())"
        return Fix("Compare in constant time", Safety.UNSAFE, (*given[1], replace(source, node, code)))
    return None
