"""Modules, imports, symbols and scopes: what a name of one file means in the whole project. Infers no types."""

from __future__ import annotations

from fastapi_lint.index.facts import target_names
from fastapi_lint.model.names.annotations import parse_annotation
from fastapi_lint.model.names.circles import imports_back
from fastapi_lint.model.names.expressions import (
    asked_about,
    attributes,
    attributes_of,
    called,
    chained,
    comparisons_of,
    dotted,
    evaluated,
    is_super,
    parts,
    stands_in,
    targets,
    walk,
    with_values,
)
from fastapi_lint.model.names.guards import is_conditional_import
from fastapi_lint.model.names.modules import Binding
from fastapi_lint.model.names.places import place_of, same_call
from fastapi_lint.model.names.refusals import Refusal, certain, refusal, suspicious
from fastapi_lint.model.names.scanning import chain, code_of, is_named_outside, where_read
from fastapi_lint.model.names.symbols import (
    Class,
    ClassObject,
    Coroutine,
    External,
    Function,
    FunctionObject,
    Instance,
    Method,
    Module,
    ModuleObject,
    OneOf,
    Origin,
    Partial,
    TupleOf,
    Type,
)
from fastapi_lint.model.names.trees.excerpts import NotYet
from fastapi_lint.model.names.trees.failures import expected_there, place_of_error

__all__ = [
    "Binding",
    "Class",
    "ClassObject",
    "Coroutine",
    "External",
    "Function",
    "FunctionObject",
    "Instance",
    "Method",
    "Module",
    "ModuleObject",
    "NotYet",
    "OneOf",
    "Origin",
    "Partial",
    "Refusal",
    "TupleOf",
    "Type",
    "asked_about",
    "attributes",
    "attributes_of",
    "called",
    "certain",
    "chain",
    "chained",
    "code_of",
    "comparisons_of",
    "dotted",
    "evaluated",
    "expected_there",
    "imports_back",
    "is_conditional_import",
    "is_named_outside",
    "is_super",
    "parse_annotation",
    "parts",
    "place_of",
    "place_of_error",
    "refusal",
    "same_call",
    "stands_in",
    "suspicious",
    "target_names",
    "targets",
    "walk",
    "where_read",
    "with_values",
]
