"""libcst node in, text edit out: what rules make their fixes of. Applies no edit and knows no rule."""

from __future__ import annotations

from fastapi_lint.fixing.edits.awaiting import asyncio_sleep, awaited, in_threadpool, plain
from fastapi_lint.fixing.edits.imports import importing
from fastapi_lint.fixing.edits.layout import step_of, with_argument
from fastapi_lint.fixing.edits.syntax import (
    add_argument,
    after_comma,
    between,
    comments_in,
    delete,
    extent,
    insert_after,
    insert_before,
    insert_item,
    insert_statement_after,
    insert_statement_before,
    line_start,
    newline_at,
    next_line_start,
    remove_argument,
    remove_item,
    remove_statement,
    rename_argument,
    replace,
    replace_argument_value,
)
from fastapi_lint.fixing.edits.unblocking import unblocked
from fastapi_lint.fixing.edits.unused import newly_unused, remove_import_if_unused

__all__ = [
    "add_argument",
    "after_comma",
    "asyncio_sleep",
    "awaited",
    "between",
    "comments_in",
    "delete",
    "extent",
    "importing",
    "in_threadpool",
    "insert_after",
    "insert_before",
    "insert_item",
    "insert_statement_after",
    "insert_statement_before",
    "line_start",
    "newline_at",
    "newly_unused",
    "next_line_start",
    "plain",
    "remove_argument",
    "remove_import_if_unused",
    "remove_item",
    "remove_statement",
    "rename_argument",
    "replace",
    "replace_argument_value",
    "step_of",
    "unblocked",
    "with_argument",
]
