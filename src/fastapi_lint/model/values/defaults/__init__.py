"""Which texts stand in variables and settings when nobody sets them (`texts`), and whether the program starts with them
(`refusal`)."""

from fastapi_lint.model.values.defaults.texts import Defaults

__all__ = ["Defaults"]
