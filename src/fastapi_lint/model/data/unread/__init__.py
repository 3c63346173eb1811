"""Settings that nothing in an application reads, and functions and classes that nothing uses. Judges nothing."""

from __future__ import annotations

from fastapi_lint.model.data.unread.settings import is_unread, read_at
from fastapi_lint.model.data.unread.uncalled import is_unused, uncalled_around

__all__ = ["is_unread", "is_unused", "read_at", "uncalled_around"]
