"""The old names of `recording`, for branches that still have them; goes when they have landed."""

from __future__ import annotations

from fastapi_lint.tracking.recording import EVERYTHING, Slice
from fastapi_lint.tracking.recording import DependencySet as Reads
from fastapi_lint.tracking.recording import depend_on as note
from fastapi_lint.tracking.recording import memoized as remembered
from fastapi_lint.tracking.recording import memoized_cyclic as remembered_after
from fastapi_lint.tracking.recording import tracked as made

__all__ = ["EVERYTHING", "Reads", "Slice", "made", "note", "remembered", "remembered_after"]
