"""Merges, checks and encodes the TOML files of the catalogue. A run loads what this made, and never this."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources

import msgspec

from fastapi_lint.catalog.format import LISTS, CatalogueError, Sink, Tables, entry_from

MAPPINGS = ("aliases", "returns", "enters", "attributes", "decorates", "bases")
"""The tables that are mappings of names."""


def sources() -> dict[str, str]:
    """The text of each TOML file about libraries, by its name, in a fixed order."""
    folders = {
        each: resources.files("fastapi_lint.catalog").joinpath(each).iterdir() for each in ("libraries", "taint")
    }
    inside = sorted(f"{folder}/{file.name}" for folder, files in folders.items() for file in files)
    names = [*inside, "auth.toml", "markers.toml"]
    return {
        name: resources.files("fastapi_lint.catalog").joinpath(*name.split("/")).read_text(encoding="utf-8")
        for name in names
    }


def read(files: Mapping[str, str]) -> Tables:
    """All files merged and checked, from their texts by name.

    Raises CatalogueError naming file and key for what is unknown, missing or there twice.
    """
    tables = Tables()
    owner: dict[tuple[str, str], str] = {}
    for name, text in files.items():
        try:
            content = msgspec.toml.decode(text)
        except msgspec.DecodeError as error:
            raise CatalogueError(f"{name}: {error}") from None
        _merge(tables, content, name, owner)
    _check(tables)
    return tables


def _merge(tables: Tables, content: Mapping[str, object], file: str, owner: dict[tuple[str, str], str]) -> None:
    """Adds what one file says; `owner` remembers which file said what, to name both places of a duplicate."""

    def claim(table: str, key: str) -> None:
        if (table, key) in owner:
            raise CatalogueError(f"{file}: {table}: `{key}` is already in {owner[table, key]}")
        owner[table, key] = file

    for table, value in content.items():
        if table in LISTS:
            if not isinstance(value, list):
                raise CatalogueError(f"{file}: `{table}` must be an array of tables")
            for number, raw in enumerate(value):
                entry = entry_from(raw, LISTS[table], f"{file}: {table}[{number}]")
                kind = entry.danger if isinstance(entry, Sink) else ""  # one call can be a sink of several
                for name in entry.names:
                    for method in entry.methods or ("",):
                        claim(f"{table} of {kind}" if kind else table, f"{name}.{method}" if method else name)
                getattr(tables, table).append(entry)
        elif table in MAPPINGS:
            try:
                if table in ("aliases", "bases"):
                    mapping: Mapping[str, object] = msgspec.convert(value, dict[str, tuple[str, ...]])
                else:
                    mapping = msgspec.convert(value, dict[str, str])
            except msgspec.ValidationError as error:
                raise CatalogueError(f"{file}: {table}: {error}") from None
            for key in mapping:
                claim(table, key)
            getattr(tables, table).update(mapping)
        else:
            raise CatalogueError(f"{file}: unknown table `{table}`")


def _check(tables: Tables) -> None:
    """What spans files: an alias has one canonical name, no class is its own base. Raises CatalogueError."""
    canonical: dict[str, str] = {}
    for name, others in tables.aliases.items():
        for other in others:
            if other in canonical or other in tables.aliases:
                raise CatalogueError(f"aliases: `{other}` has two canonical names, or is one itself")
            canonical[other] = name
    for cls in tables.bases:
        seen, todo = {cls}, list(tables.bases[cls])
        while todo:
            base = todo.pop()
            if base == cls:
                raise CatalogueError(f"bases: `{cls}` is its own base")
            if base not in seen:
                seen.add(base)
                todo.extend(tables.bases.get(base, ()))


def encode(tables: Tables) -> bytes:
    """The compiled table: JSON with a line for each entry, so that a change of it can be read."""
    encoder = msgspec.json.Encoder(order="sorted")
    parts = []
    for table, value in msgspec.structs.asdict(tables).items():
        if isinstance(value, list):
            body = b",\n".join(encoder.encode(entry) for entry in value)
            parts.append(b'"%s":[\n%s\n]' % (table.encode(), body))
        else:
            items = (encoder.encode(key) + b":" + encoder.encode(item) for key, item in value.items())
            parts.append(b'"%s":{\n%s\n}' % (table.encode(), b",\n".join(items)))
    return b"{\n" + b",\n".join(parts) + b"\n}\n"
