"""Which dependencies a `dependencies=` argument lists: as a display, in a table, or made by a function."""

from fastapi_lint.model.injection.lists.lists import Listed, Lists

__all__ = ["Listed", "Lists"]
