"""What the client sends, followed to where it is used. Judges nothing."""

from __future__ import annotations

from fastapi_lint.model.taint.flows import Arrival, Flows, Sunk, trail
from fastapi_lint.model.taint.strands import HARMLESS, HIDDEN, Entry, Hidden, Piece, Slot, Step, Strand, Text, Value

__all__ = [
    "HARMLESS",
    "HIDDEN",
    "Arrival",
    "Entry",
    "Flows",
    "Hidden",
    "Piece",
    "Slot",
    "Step",
    "Strand",
    "Sunk",
    "Text",
    "Value",
    "trail",
from fastapi_lint.model.taint.client_strings import PATHS, SAME, ClientStrings, Source, Taint
from fastapi_lint.model.taint.told import Telling, Told

__all__ = [
    "PATHS",
    "SAME",
    "ClientStrings",
    "Source",
    "Taint",
    "Telling",
    "Told",
]
