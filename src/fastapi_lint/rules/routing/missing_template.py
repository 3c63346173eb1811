"""FAPI338: templates that are not there."""

from __future__ import annotations

import difflib
import posixpath
from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Module
from fastapi_lint.model.application.templates import SUFFIXES, template_folders, templates_below
from fastapi_lint.rule import Check, rule


@rule("FAPI338", severity=Severity.ERROR, words={"Jinja2Templates", "TemplateResponse", "get_template"})
def missing_template(module: Module, check: Check) -> Iterator[Finding]:
    """`TemplateResponse` names a template that lies in none of the folders of its `Jinja2Templates`.

    Why is this bad?
    Jinja raises `TemplateNotFound`, and the request is answered with 500. Nothing says so before: a renamed or
    misspelled template is found by the first visitor of the page. Case counts on Linux, even if it does not on the
    machine of the developer.

    Known limits
    Both the name and the folders have to be texts, or paths made of `__file__`. A relative folder may lie in any folder
    above the module. Silent when no such folder with templates is seen in the project, where an environment or another
    loader is given, and for a name in a folder that is not there, unless a template with a similar name is: a build may
    fill it. What templates include or extend is not looked at.

    References
    - [FastAPI: templates](https://fastapi.tiangolo.com/advanced/templates/)
    """
    if module.is_test or not module.mentions("TemplateResponse", "get_template"):
        return
    for call in module.facts.calls:
        if not isinstance(call.func, f.Attr) or call.func.attr not in ("TemplateResponse", "get_template"):
            continue
        for arg in _named(call):
            name = check.project.values.text(arg.value, (module, call.block, call.start))
            if name is None or not name.endswith(SUFFIXES) or "\\" in name:
                continue
            folders = template_folders(check.project, call.func.value, module, call.block, call.start)
            known = [each for folder in folders for each in templates_below(check.project, folder)]
            wanted = posixpath.normpath(name).lstrip("/")
            if not folders or wanted in known or _is_hidden(wanted):
                continue
            near = difflib.get_close_matches(wanted.lower(), [each.lower() for each in known], 1, 0.75)
            there = next((each for each in known if near and each.lower() == near[0]), "")
            beside = posixpath.dirname(wanted)
            if not there and beside and not any(each.startswith(f"{beside}/") for each in known):
                continue  # a folder that a build of something else makes
            places = " or ".join(f"`{folder or '.'}`" for folder in folders[:2])
            yield check.finding(
                arg,
                f"there is no template `{name}` in {places}",
                why="Jinja raises `TemplateNotFound`, and the request is answered with 500",
                instead=f"there is `{there}`" if there else "correct the name, or add the template",
            )


def _is_hidden(name: str) -> bool:
    """Whether a template would lie in a folder that is not looked into."""
    return any(each.startswith(".") or each == "node_modules" for each in name.split("/"))


def _named(call: f.Call) -> Iterator[f.Arg]:
    """The arguments that may name the template: `TemplateResponse(name)`, `TemplateResponse(request, name)`."""
    named = f.keyword(call, "name")
    if named is not None:
        yield named
    elif not any(arg.name == "*" for arg in call.args):
        texts = [arg for arg in call.args[:2] if arg.name == "" and not isinstance(arg.value, f.Mapping)]
        if call.func.attr == "get_template":  # type: ignore[union-attr]
            texts = texts[:1]
        yield from texts
