"""What of a plugin's rules cannot be used, each with the reason. Imports nothing of a plugin and runs no rule."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping

from fastapi_lint.finding import OWN_PREFIX, Safety, Severity, letters
from fastapi_lint.rule import Rule

CODE = re.compile(r"[A-Z]{1,40}[0-9]{1,20}")
NAME = re.compile(r"[a-z][a-z0-9]{0,80}(?:-[a-z0-9]{1,80}){0,20}")
_GROUPS = ("all", "recommended", "strict")
_MODEL = ("App", "Class", "Depends", "Function", "Module", "Project", "Route", "Router", "Schema")


def problem(rule: Rule) -> str:
    """Why a rule cannot be used; "" when it can."""
    return next(_problems(rule), "")


def _problems(rule: Rule) -> Iterator[str]:
    code = rule.code
    if not isinstance(code, str) or not CODE.fullmatch(code):
        yield f"the code {code!r} is not made of capital letters and digits, such as ACME001"
    elif letters(code) in (OWN_PREFIX, "ALL"):
        yield f"the code {code} begins with {letters(code)}, which is taken; choose letters of your own"
    if not NAME.fullmatch(rule.name) or rule.name in _GROUPS:
        yield f"its name is '{rule.name}', after its function; wanted are words in lower case"
    if rule.preset not in _GROUPS[1:]:
        yield f"its preset is {rule.preset!r}; there are 'recommended' and 'strict'"
    severity: object = rule.severity
    fix: object = rule.fix
    if not isinstance(severity, Severity) or not (fix is None or isinstance(fix, Safety)):
        yield "its severity must be a `Severity`, its fix a `Safety` or None"
    options: Mapping[str, object] = rule.options
    for name, default in options.items():
        of_texts = isinstance(default, tuple) and all(isinstance(each, str) for each in default)
        if not (isinstance(default, (bool, int, str)) or of_texts):
            yield f"the default of its option '{name}' is no boolean, integer, string or tuple of strings"
    if not rule.summary.strip():
        yield "it has no docstring; the first line of that is its summary"
    yield from _of_function(rule)


def _of_function(rule: Rule) -> Iterator[str]:
    try:
        parameters = list(inspect.signature(rule.judge).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    if len(parameters) != 2 or parameters[0].annotation is inspect.Parameter.empty:
        yield "its function must take a subject, with an annotation that says which, and a `Check`"
        return
    try:
        subjects = rule.subjects
    except Exception as error:
        yield f"the annotation of its first parameter cannot be read: {type(error).__name__}: {error}"
        return
    kinds = {_kind(each) for each in subjects}
    if "" in kinds:
        wrong = next(each for each in subjects if not _kind(each))
        yield f"its first parameter is no subject: {wrong!r} is neither of libcst nor one of {', '.join(_MODEL)}"
    elif abstract := next((each for each in subjects if inspect.isabstract(each)), None):
        yield f"its first parameter is {abstract.__name__}, which no node is by itself; name the nodes (`One | Other`)"
    elif len(kinds) > 1:
        yield "its first parameter mixes subjects of the project with nodes of libcst; write two rules"


def _kind(subject: object) -> str:
    if not isinstance(subject, type):
        return ""
    if any(each.__module__ == "libcst._nodes.base" and each.__name__ == "CSTNode" for each in subject.__mro__):
        return "syntax"
    is_ours = subject.__module__.startswith("fastapi_lint.model.") and subject.__name__ in _MODEL
    return "model" if is_ours else ""
