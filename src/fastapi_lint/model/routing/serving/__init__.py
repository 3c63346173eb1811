"""Whether requests come to routes at all: routers that no app includes, and the handlers of theirs. Judges nothing."""

from __future__ import annotations

from fastapi_lint.model.routing.serving.commented import commented_out
from fastapi_lint.model.routing.serving.idle import idle_handlers, idle_router
from fastapi_lint.model.routing.serving.left_out import app_roots, left_out
from fastapi_lint.model.routing.serving.repeated import Repeated

__all__ = ["Repeated", "app_roots", "commented_out", "idle_handlers", "idle_router", "left_out"]
