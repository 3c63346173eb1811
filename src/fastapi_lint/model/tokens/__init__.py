"""What calls check of the signed tokens that they read, and who trusts what they say. Judges nothing."""

from __future__ import annotations

from fastapi_lint.model.tokens.payloads import Encoding, Frame, Part, Payloads, encodings, place_of_claim
from fastapi_lint.model.tokens.reading import Flaw, TokenCall, token_calls
from fastapi_lint.model.tokens.subjects import Subjects, checks_subjects
from fastapi_lint.model.tokens.trust import Trust

__all__ = [
    "Encoding",
    "Flaw",
    "Frame",
    "Part",
    "Payloads",
    "Subjects",
    "TokenCall",
    "Trust",
    "checks_subjects",
    "encodings",
    "place_of_claim",
    "token_calls",
]
