"""What the client sends, followed to where it is used. Judges nothing."""

from __future__ import annotations

from fastapi_lint.model.taint.arriving.archives import Unpacked, unpacked
from fastapi_lint.model.taint.arriving.keys import names_an_object
from fastapi_lint.model.taint.arriving.sinks import Arrival, trail
from fastapi_lint.model.taint.checking.schemes import leads_nowhere
from fastapi_lint.model.taint.errors.handled import wrapped
from fastapi_lint.model.taint.errors.parsing import only_parses
from fastapi_lint.model.taint.errors.told import Telling, Told
from fastapi_lint.model.taint.flows import Flows, Sunk
from fastapi_lint.model.taint.strands import (
    ADDRESS,
    BESIDE,
    EACH,
    HARMLESS,
    HIDDEN,
    KEYS,
    LEVEL,
    SHORN,
    Entry,
    Hidden,
    Piece,
    Slot,
    Step,
    Strand,
    Text,
    Value,
    decides_host,
)

__all__ = [
    "ADDRESS",
    "BESIDE",
    "EACH",
    "HARMLESS",
    "HIDDEN",
    "KEYS",
    "LEVEL",
    "SHORN",
    "Arrival",
    "Entry",
    "Flows",
    "Hidden",
    "Piece",
    "Slot",
    "Step",
    "Strand",
    "Sunk",
    "Telling",
    "Text",
    "Told",
    "Unpacked",
    "Value",
    "decides_host",
    "leads_nowhere",
    "names_an_object",
    "only_parses",
    "trail",
    "unpacked",
    "wrapped",
]
