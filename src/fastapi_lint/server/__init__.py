"""The language server: what an editor asks of the linter, over stdin and stdout (`fastapi-lint server`).

It lints the text of open documents together with the rest of the project from the disk, again after each edit, and
answers what editors ask at a place. One thread speaks with the client (`features`), another one works (`worker`);
documents go one way, answers the other. `pygls` is imported below this face, and nowhere else in the program.
"""

from __future__ import annotations

from fastapi_lint.server.features import serve

__all__ = ["serve"]
