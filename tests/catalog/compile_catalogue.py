"""Writes `catalog/compiled.json` from the TOML files: run it by hand after changing one of them."""

from __future__ import annotations

from pathlib import Path

from fastapi_lint.catalog import sources

COMPILED = Path(sources.__file__).with_name("compiled.json")

if __name__ == "__main__":
    COMPILED.write_bytes(sources.encode(sources.read(sources.sources())))
