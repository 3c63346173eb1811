"""Settings that nothing in an application reads, and functions that nothing calls. Judges nothing."""

from __future__ import annotations

from fastapi_lint.model.data.unread.settings import is_unread, read_at
from fastapi_lint.model.data.unread.uncalled import uncalled_around

__all__ = ["is_unread", "read_at", "uncalled_around"]
