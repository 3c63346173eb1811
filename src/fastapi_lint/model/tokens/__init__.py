"""What calls check of the signed tokens that they read, and who trusts what they say. Judges nothing."""

from __future__ import annotations

from fastapi_lint.model.tokens.reading import Flaw, TokenCall, token_calls
from fastapi_lint.model.tokens.trust import Trust

__all__ = ["Flaw", "TokenCall", "Trust", "token_calls"]
