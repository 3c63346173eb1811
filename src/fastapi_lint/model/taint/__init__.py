"""What the client sends, followed to where it is used. Judges nothing."""

from __future__ import annotations

from fastapi_lint.model.taint.client_strings import PATHS, SAME, ClientStrings, Source, Taint

__all__ = [
    "PATHS",
    "SAME",
    "ClientStrings",
    "Source",
    "Taint",
]
