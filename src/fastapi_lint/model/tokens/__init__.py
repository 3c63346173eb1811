"""What calls check of tokens that they read, what stands in those that are signed, and who trusts them. Judges none."""

from __future__ import annotations

from fastapi_lint.model.tokens.absence import may_be_none, unasked
from fastapi_lint.model.tokens.lasting.lifetimes import OTHERS, contains, handed_out, lifetimes
from fastapi_lint.model.tokens.lasting.renewing import expects_expired
from fastapi_lint.model.tokens.lasting.revoking import takes_back
from fastapi_lint.model.tokens.lasting.times import Lifetime
from fastapi_lint.model.tokens.parts import Frame, Part
from fastapi_lint.model.tokens.payloads import Encoding, Payloads, encodings, is_signed, place_of_claim
from fastapi_lint.model.tokens.provenance import Provenance
from fastapi_lint.model.tokens.reading import Flaw, TokenCall, token_call, token_calls
from fastapi_lint.model.tokens.subjects import Subjects, checks_subjects
from fastapi_lint.model.tokens.trust import Trust, trusted_headers
from fastapi_lint.model.tokens.unhandled import Way, package_of, verifying, way_out

__all__ = [
    "OTHERS",
    "Encoding",
    "Flaw",
    "Frame",
    "Lifetime",
    "Part",
    "Payloads",
    "Provenance",
    "Subjects",
    "TokenCall",
    "Trust",
    "Way",
    "checks_subjects",
    "contains",
    "encodings",
    "expects_expired",
    "handed_out",
    "is_signed",
    "lifetimes",
    "may_be_none",
    "package_of",
    "place_of_claim",
    "takes_back",
    "token_call",
    "token_calls",
    "trusted_headers",
    "unasked",
    "verifying",
    "way_out",
]
