"""FAPI640: origins that CORS compares with what browsers send, and that never are the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from fastapi_lint.finding import Edit, Finding, Fix, Safety
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function, Module
from fastapi_lint.model.application import CORS, additions
from fastapi_lint.model.calls import given
from fastapi_lint.model.types import Where
from fastapi_lint.model.values import Defaults, literals_between
from fastapi_lint.rule import Check, rule

_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]{0,30}://[^/?#*\s]{1,200}\Z", re.IGNORECASE)
_WITH_PATH = re.compile(r"(https?://[^/?#*\s]{1,200})[/?#]", re.IGNORECASE)
_WEB = re.compile(r"https?://", re.IGNORECASE)
_HOST = re.compile(r"(?:localhost|[\w-]{1,60}(?:\.[\w-]{1,60}){1,8})(?::\d{1,5})?/?\Z")
_VALIDATORS = frozenset({
    "pydantic.field_validator", "pydantic.validator", "pydantic.model_validator", "pydantic.root_validator",
})  # fmt: skip
_SPLITTING = frozenset({
    "isinstance", "startswith", "split", "strip", "loads", "str", "list", "ValueError", "TypeError",
})  # fmt: skip


@rule("FAPI640", fix=Safety.UNSAFE, words={"CORSMiddleware"})
def unmatchable_cors_origin(module: Module, check: Check) -> Iterator[Finding]:
    """An entry of `allow_origins` is nothing that a browser ever sends as its origin.

    Why is this bad?
    A browser sends scheme, host and port, and Starlette compares the whole text: `https://app.example/`,
    `https://app.example/shop`, `app.example` and `http://localhost:*` allow nobody, and the front end that was meant is
    refused. A `*` means something alone only; a pattern belongs into `allow_origin_regex`.

    Fix safety
    The fix takes the slash or the path away. It is unsafe because the origin is allowed then. There is none for a
    constant or setting that is read elsewhere as well: links may be made of it.

    Known limits
    Origins that are computed, or cleaned by a validator, are not judged; of settings the default is. A validator that
    only splits a text cleans nothing. Other schemes than HTTP (`capacitor://localhost`) are left alone.

    References
    - [CORS](https://fastapi.tiangolo.com/tutorial/cors/)
    - [Starlette: CORSMiddleware](https://www.starlette.dev/middleware/#corsmiddleware)
    - [MDN: Origin](https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Origin)
    """
    if module.is_test:
        return
    seen: set[tuple[Module, int, str]] = set()
    for call in additions(check.project, module, CORS):
        origins = given(check.project.values, module, call, "allow_origins")
        if origins is None:
            continue
        for text, place in Defaults(check.project.values).texts(origins.value, origins.where):
            key = (place[0], place[2], text)
            if key not in seen and (wrong := _wrong(text)) is not None and not _is_cleaned(place, check):
                seen.add(key)
                yield _finding(text, wrong, place, (origins.arg.start, origins.arg.end), check)


def _wrong(text: str) -> tuple[str, str] | None:
    """What is wrong with an origin, and what to write instead; None when a browser may send it."""
    if text in ("", "*", "null") or "," in text:  # several of them, which somebody has to split
        return None
    if "*" in text:
        return "a `*` inside of an origin is compared as it stands", "use `allow_origin_regex`"
    if (found := _WITH_PATH.match(text)) is not None:
        return "an origin ends with its host or port", f'write `"{found[1]}"`'
    if _ORIGIN.match(text) is None and not _WEB.match(text) and _HOST.match(text):
        return "an origin begins with its scheme", f'write `"https://{text.rstrip("/")}"`'
    return None


def _finding(text: str, wrong: tuple[str, str], place: Where, otherwise: tuple[int, int], check: Check) -> Finding:
    module, _, start = place
    end = module.text.find(b"\n\n", start)
    literals = literals_between(module, start, end if end >= 0 else len(module.text))
    literal = next((each for each in literals if each.text.strip() == text), None) or next(
        (each for each in literals if text in each.text.split(",")), None
    )
    at, where = (literal.place, module) if literal is not None else (otherwise, check.module)
    shorter = _WITH_PATH.match(text) if "*" not in text else None
    return check.finding(
        at,
        f"no browser sends the origin `{text}`",
        why=f"{wrong[0]}, so that the page that is meant is refused",
        instead=wrong[1],
        module=where,
        fix=partial(_fix, where, at, text, shorter[1])
        if literal is not None and shorter is not None and not _is_read_elsewhere(where, at, check)
        else None,
    )


def _is_read_elsewhere(module: Module, at: tuple[int, int], check: Check) -> bool:
    """Whether a constant or setting is this text, and stands for more than the origins: links are made of it."""
    entry = next((each for each in module.facts.assigns if each.start <= at[0] < each.end), None)
    if entry is None or not isinstance(entry.value, f.Const) or not isinstance(entry.target, f.Name):
        return False
    word = re.compile(rf"\b{re.escape(entry.target.id)}\b".encode())
    modules = list(check.project.modules.with_word(entry.target.id))
    imported = sum(one.name == entry.target.id for each in modules for one in each.facts.imports)
    return sum(len(word.findall(each.text)) for each in modules) > 2 + imported


def _fix(module: Module, at: tuple[int, int], text: str, origin: str) -> Fix | None:
    """The literal with its origin alone; its quotes stay."""
    written = module.source.slice(*at)
    if written.count(text) != 1:
        return None
    return Fix(
        "Leave scheme, host and port", Safety.UNSAFE, (Edit(module.source.span(*at), written.replace(text, origin)),)
    )


def _is_cleaned(place: Where, check: Check) -> bool:
    """Whether a text is the default of a field that a validator may change."""
    module, block, start = place
    index = module.facts.blocks[block].cls
    if index < 0:
        return False
    cls = next(each for each in module.classes if each.index == index)
    field = next((name for name, entry in cls.assigns.items() if entry.start <= start < entry.end), "")
    for method in cls.methods.values():
        if _VALIDATORS.intersection(check.project.types.decorators(method)) and not _only_splits(method):
            texts = {each.text for each in literals_between(module, method.facts.first, method.facts.end)}
            if field in texts or "/" in texts or not field:
                return True
    return False


def _only_splits(validator: Function) -> bool:
    """Whether a validator makes a list of a text, and leaves each origin as it is written."""
    return all(
        f.last_name(call.func) in _SPLITTING and (not call.args or f.last_name(call.func) != "strip")
        for call in validator.calls
    )
