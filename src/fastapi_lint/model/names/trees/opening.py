"""The libcst trees of one file: the whole of it, and excerpts, opened when somebody asks and closed to save memory."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from fastapi_lint.files.source import LARGEST_TREE, Source, TooLarge
from fastapi_lint.index import facts as f
from fastapi_lint.model.names.trees import excerpts

if TYPE_CHECKING:
    import libcst as cst


class Opening:
    """A file with its trees. Of a file that libcst does not read there are none, and `is_broken` says so."""

    source: Source

    def __init__(self) -> None:
        super().__init__()
        self.is_broken = False
        self._excerpts: dict[tuple[int, ...], Source | None] = {}
        self._together = frozenset[int]()
        self._opened = 0
        self._wanted: set[int] | None = None

    @cached_property
    def facts(self) -> f.Facts:
        """What the index knows of the file."""
        raise NotImplementedError

    @cached_property
    def tree(self) -> cst.Module | None:
        """The libcst tree; None when the file does not parse (the syntax-error rule says so) or is too large for it."""
        try:
            return self.source.tree
        except TooLarge:
            return None
        except Exception:  # ParserSyntaxError, Unreadable, and whatever a parser may raise on hostile text
            self.is_broken = True
            return None

    def excerpt(self, *places: int) -> Source | None:
        """The file with a tree of what is around byte offsets, which fixes are made from; None as for `tree`.

        That are the definitions around a place, with the body when it is in there; of all others there are the names
        alone. What stands at the level of the module is there, too. Raises `NotYet` between `collect` and `open`.
        """
        if self.is_broken or len(self.source.data) > LARGEST_TREE:
            return None
        if self._wanted is not None:
            self._wanted.update(places)
            raise excerpts.NotYet
        if self._together.issuperset(places):
            places = ()
        if places not in self._excerpts:
            self._excerpts[places] = self._excerpt(sorted(places))
        return self._excerpts[places]

    def collect(self) -> None:
        """From now on only note the places for which an excerpt is asked."""
        self._wanted = set()

    def open(self) -> None:
        """Make one excerpt for all places that were noted."""
        wanted, self._wanted = self._wanted, None
        if wanted:
            self._together = frozenset(wanted)
            self._excerpts[()] = self._excerpt(sorted(wanted))

    def _excerpt(self, places: Sequence[int]) -> Source | None:
        if not self.facts.errors and "tree" not in self.__dict__:
            blanks = excerpts.blanks(self.facts, self.source.utf8, places)
            self._opened += len(self.source.utf8) - sum(blank.end - blank.start for blank in blanks)
            # When the excerpts together come to as much as the file, its tree is cheaper than one more.
            if blanks and self._opened <= len(self.source.utf8):
                found = self.source.with_blanks(blanks)
                try:
                    _ = found.tree
                except Exception:  # the two parsers disagree: what libcst says about the whole file counts
                    return self.source if self.tree is not None else None
                return found
        return self.source if self.tree is not None else None

    def forget_tree(self) -> None:
        """Give back the memory of the trees, some ten times that of the text; they are made again for whoever asks."""
        if self.__dict__.get("tree") is not None:
            del self.__dict__["tree"]
        self.source.forget_tree()
        self._excerpts.clear()
        self._together = frozenset()
        self._opened = 0
