"""What loads models, tokenizers and indexes of vectors. Lookups only."""

from __future__ import annotations

from functools import cache
from importlib import resources

import msgspec


class _Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    what: str
    names: tuple[str, ...]
    methods: tuple[str, ...] = ()


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    model: tuple[_Model, ...]


@cache
def _rows() -> tuple[_Model, ...]:
    data = resources.files("fastapi_lint.catalog").joinpath("models.toml").read_bytes()
    return msgspec.toml.decode(data, type=_Table).model


@cache
def model_words() -> frozenset[str]:
    """The last names of what loads a model: a cheap look at a call before it is resolved."""
    return frozenset(name for row in _rows() for name in (row.methods or (n.rpartition(".")[2] for n in row.names)))


@cache
def loads_model(name: str) -> str:
    """What a function, class or class method loads, for messages ("model", "tokenizer"); empty for anything else."""
    for row in _rows():
        if not row.methods and name in row.names:
            return row.what
        package, _, method = name.partition(".")[0], "", name.rpartition(".")[2]
        if method in row.methods and package in row.names:
            return "tokenizer" if "Tokenizer" in name or "Processor" in name else row.what
    return ""
