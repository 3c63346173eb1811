"""How far a question about an annotation follows aliases: never into one that it is inside of, and not for ever.

`type Json = dict[str, Json] | str` is a fine program, and so are sixty aliases of which each names the one above twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from fastapi_lint.model.types.inference.questions import Where

_DEEPEST = 20
_MOST = 400


@dataclass(frozen=True)
class Following:
    """Where one question is: inside of which aliases, and how many more it may follow."""

    within: frozenset[Where] = frozenset()
    _steps: list[Where] = field(default_factory=list)

    def into(self, alias: Where) -> Following | None:
        """The same question inside an alias, which is known by its place; None when it is not to be followed."""
        if alias in self.within or len(self.within) >= _DEEPEST or len(self._steps) >= _MOST:
            return None
        self._steps.append(alias)
        return Following(self.within | {alias}, self._steps)
