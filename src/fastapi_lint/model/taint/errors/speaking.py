"""Names of what says what something else says: functions, methods, and attributes of exceptions."""

from __future__ import annotations

TRACEBACKS = frozenset({
    "traceback.print_exc", "traceback.print_exception", "traceback.print_tb",
    "traceback.format_exc", "traceback.format_exception", "traceback.format_tb", "traceback.format_stack",
})  # fmt: skip
TEXTS = frozenset({
    "dataclasses.asdict", "dataclasses.astuple", "vars", "attrs.asdict", "str", "repr", "format", "ascii", "bytes",
    "list", "tuple", "set", "sorted", "reversed", "map", "filter", "html.escape", "json.loads", "copy.copy",
    "copy.deepcopy",
    "json.dumps", "orjson.dumps", "ujson.dumps", "traceback.format_exception_only", "fastapi.encoders.jsonable_encoder",
    "textwrap.shorten", "textwrap.dedent", "urllib.parse.quote", "markupsafe.escape", "fastapi.sse.ServerSentEvent",
    "sse_starlette.ServerSentEvent", "sse_starlette.sse.ServerSentEvent", "sse_starlette.event.ServerSentEvent",
})  # fmt: skip
"""Functions whose result says what their arguments say."""
KEEPING = frozenset({
    "__str__", "__repr__", "getvalue", "strip", "lstrip", "rstrip", "lower", "upper", "title", "capitalize", "encode",
    "decode", "replace", "split", "rsplit", "partition", "rpartition", "splitlines", "removeprefix", "removesuffix",
    "expandtabs", "ljust", "rjust",
})  # fmt: skip
VALIDATING = frozenset({"model_validate", "model_construct", "parse_obj", "validate_python"})
DUMPING = frozenset({"model_dump", "model_dump_json", "model_copy", "dict", "json", "copy", "items", "values"})
SPEAKING = frozenset({
    "__cause__", "__context__", "args", "orig", "message", "msg", "strerror", "stderr", "stdout", "output", "statement",
    "params",
})  # fmt: skip
"""Attributes of exceptions that say what they say."""
