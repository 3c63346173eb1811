"""FAPI718: models that are loaded anew for every request. What counts as a model is in the catalogue."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.catalog.models import loads_model, model_words
from fastapi_lint.finding import Finding
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function
from fastapi_lint.model.application import is_served
from fastapi_lint.model.calls import never_runs, runs_until_filled
from fastapi_lint.model.data import for_want_of, hands_back, is_kept, is_on_miss, nearest_root
from fastapi_lint.rule import Check, rule


@rule("FAPI718", since="0.2.0", needs_requests=True)
def model_loaded_per_request(function: Function, check: Check) -> Iterator[Finding]:
    """A model, a tokenizer or an index of vectors is loaded for every request.

    Why is this bad?
    Loading reads files of many megabytes and builds the model in memory, which takes seconds; the answer takes
    milliseconds. Two requests at once need the memory twice.

    Load it in the lifespan and keep it in the state of the app, or in a function with `lru_cache`.

    Known limits
    Known are the loaders of the catalogue. What is kept in an attribute, a global, a cache or a dict is left alone; so
    are models that come with the request, and what runs in a worker or at start-up.

    References
    - [Lifespan events](https://fastapi.tiangolo.com/advanced/events/#use-case)
    """
    module, project = function.module, check.project
    if not function.calls or not is_served(project, module):
        return
    words = module.words_for(model_words())
    for call in function.calls:
        if f.last_name(call.func) not in words or never_runs(module, call.block):
            continue
        what = loads_model(project.called_name(module, call) or "")
        if not what or is_kept(function, call) or is_on_miss(function, call):
            continue
        if _is_table(function, call) or any(_is_content(function, call, arg, check) for arg in call.args):
            continue
        if runs_until_filled(function, call.block, call.start):
            continue
        wanted = for_want_of(function, call)
        root = nearest_root(project, function, carries=hands_back(function, call), unless_given=wanted)
        if root is None:
            continue
        where = f"{root.kind} `{root.function.name}`"
        by = "" if root.function is function else f", by `{function.qualname}`"
        yield check.finding(
            (call.start, call.name_end),
            f"`{module.source.slice(call.start, call.name_end)}` loads a {what} for each call of {where}{by}",
            why="it is read and built anew every time, which takes seconds and its memory once more",
            instead="load it once, in the lifespan or in a function with `lru_cache`",
            chain=root.function is not function,
            related=[check.related(each, f"`{each.qualname}`", module=each.module) for each in root.functions],
        )


def _is_table(function: Function, call: f.Call) -> bool:
    """Whether what is loaded is a dict of results: its entries are asked for by name, as no model has any."""
    module = function.module
    itself = f.CallRef(module.call_numbers[call.start, call.end])
    names = {entry.target for entry in module.assigns_in.get(function.index, ()) if entry.value == itself}
    return any(
        isinstance(each.func, f.Attr)
        and each.func.attr == "get"
        and each.func.value in names
        and any(isinstance(arg.value, f.Const) and isinstance(arg.value.value, str) for arg in each.args[:1])
        for each in function.calls
    )


def _is_content(function: Function, call: f.Call, arg: f.Arg, check: Check) -> bool:
    """Whether an argument is a file in memory, or one that was uploaded: the model is another one each time."""
    value = check.project.infer(arg.value, function.module, call.block, call.start)
    return check.project.types.is_instance(value, "io.BytesIO", "typing.BinaryIO", "fastapi.UploadFile")
