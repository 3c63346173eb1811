"""Queries and what their answers depend on: a small salsa for a program that is read once per run.

A *query* is a method that works out an answer from modules; `memoized` keeps the answer as a *memo* with its
*dependencies*: the modules that were read for it, and *slices* of tables that are collected from all modules
(`tables`), or what was asked of all of them (`queries`). Whoever asks again inherits them. Queries that come to ask
themselves have the answer of a fixpoint (`circles`). `recording` notes dependencies, `fingerprints` makes answers of
two runs comparable, and `memory` keeps those of a project that changes. Knows no rule, no finding and nothing of
FastAPI; costs nothing unless recording is enabled.
"""

from __future__ import annotations

from fastapi_lint.tracking.circles import memoized_cyclic
from fastapi_lint.tracking.recording import memoized
from fastapi_lint.tracking.tables import collected

__all__ = ["collected", "memoized", "memoized_cyclic"]
