"""Settings that nobody in an application reads: what is wrong with their values does no harm. Judges nothing."""

from __future__ import annotations

from fastapi_lint.model.data.unread.settings import is_unread, read_at

__all__ = ["is_unread", "read_at"]
