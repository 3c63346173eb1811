"""The old place of `tracking.tables`, for branches that still have it; goes when they have landed."""

from __future__ import annotations

from fastapi_lint.tracking.tables import collected, contributions, grouped

__all__ = ["collected", "contributions", "grouped"]
