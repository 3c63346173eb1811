"""Whether other files name what a module calls so: by its attributes, or in texts. Resolves nothing."""

from __future__ import annotations

import re

from fastapi_lint.model.names.modules import Modules


def is_named_outside(modules: Modules, path: str, name: str) -> bool:
    """Whether another file says a name behind that of a module: `app.time`, or `"app.time.sleep"` to replace it."""
    module = modules.at(path)
    if module is None or not module.parts:
        return True
    owners = "|".join(map(re.escape, sorted({module.parts[-1], *modules.aliases.get(module.parts[-1], ())})))
    said = re.compile(rf"(?<!\w)(?:{owners})\s*\.\s*{re.escape(name)}(?!\w)".encode())
    return any(said.search(each.text) for each in modules.with_word(name) if each is not module)
