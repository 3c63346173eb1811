"""The facts about the files of a run: from the cache, from processes that index several files at a time, or made here.

Touches no disk but through the cache that it is given, and prints nothing.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

import msgspec

from fastapi_lint.files.source import Source, Unreadable
from fastapi_lint.index.facts import Facts
from fastapi_lint.run.cache import Store, digest

WORTH_PROCESSES = 2_000_000
"""Bytes of sources from which on more than one process is faster than one."""
_QUESTION = 400_000
"""Bytes of sources that a process is given at a time to index."""


class Indexing:
    """Facts by the content of files, each found or made once."""

    def __init__(self, store: Store, jobs: int, progress: Callable[[str, int, int], None] | None) -> None:
        self._store = store
        self._jobs = jobs
        self._progress = progress
        self._decoder = msgspec.msgpack.Decoder(Facts)
        self._facts: dict[bytes, Facts] = {}
        self._fresh: dict[bytes, bytes] = {}
        self._digests: dict[str, tuple[Source, bytes]] = {}

    def digest(self, source: Source) -> bytes:
        """What stands for the content of a file."""
        known = self._digests.get(source.path)
        if known is None or known[0] is not source:
            known = self._digests[source.path] = (source, digest(source.data))
        return known[1]

    def facts(self, source: Source) -> Facts:
        """The facts about one file."""
        key = self.digest(source)
        found = self.known(key)
        if found is None:
            found = self._keep(key, _facts_of(source), None)
        return found

    def known(self, key: bytes) -> Facts | None:
        """The facts about a file of which there is only the digest, if they are still to be had."""
        if key not in self._facts:
            held = self._store.facts(key)
            if held is None:
                return None
            try:
                self._facts[key] = self._decoder.decode(held)
            except (msgspec.MsgspecError, RecursionError):
                return None  # made again, and written over
        return self._facts[key]

    def keep_only(self, digests: Collection[bytes]) -> None:
        """Forget the facts about files with other digests: those of every state that a file went through pile up."""
        for table in (self._facts, self._fresh):
            for key in [key for key in table if key not in digests]:
                del table[key]

    def prepare(self, sources: Sequence[Source]) -> None:
        """Have the facts about many files at hand."""
        missing = [source for source in sources if self.known(self.digest(source)) is None]
        for done, (source, made, data) in enumerate(self._made(missing)):
            if self._progress is not None:
                self._progress("indexing", done, len(missing))
            self._keep(self.digest(source), made, data)

    def fresh(self, sources: Mapping[str, Source]) -> dict[str, bytes]:
        """The facts that the cache does not have yet, encoded, by the path of the file."""
        found = ((path, self._fresh.get(self.digest(source))) for path, source in sources.items())
        return {path: data for path, data in found if data is not None}

    def _keep(self, key: bytes, made: Facts, data: bytes | None) -> Facts:
        self._facts[key] = made
        if self._store.is_used:
            self._fresh[key] = data or msgspec.msgpack.encode(made)
        return made

    def _made(self, sources: Sequence[Source]) -> Iterator[tuple[Source, Facts, bytes | None]]:
        if self._jobs == 1 or sum(len(source.data) for source in sources) < WORTH_PROCESSES:
            for source in sources:
                yield source, _facts_of(source), None
            return
        from fastapi_lint.run import workers

        groups = list(grouped(sources, _QUESTION))
        questions = [msgspec.msgpack.encode([source.data for source in group]) for group in groups]
        for group, answer in zip(groups, workers.answers(index_texts, questions, self._jobs), strict=True):
            for source, data in zip(group, msgspec.msgpack.decode(answer, type=list[bytes]), strict=True):
                yield source, self._decoder.decode(data), data


def index_texts(question: bytes) -> bytes:
    """The facts of several files: their bytes in, msgpack of each out. For processes, hence by name and in bytes."""
    gc.disable()
    texts = msgspec.msgpack.decode(question, type=list[bytes])
    return msgspec.msgpack.encode([msgspec.msgpack.encode(_facts_of(Source("", data))) for data in texts])


def grouped(sources: Sequence[Source], size: int) -> Iterator[list[Source]]:
    """The sources in order, in groups of about a number of bytes."""
    group: list[Source] = []
    held = 0
    for source in sources:
        group.append(source)
        held += len(source.data)
        if held >= size:
            yield group
            group, held = [], 0
    if group:
        yield group


def _facts_of(source: Source) -> Facts:
    from fastapi_lint.index.build import build, empty_facts

    try:
        return build(source.utf8)
    except Unreadable:
        return empty_facts()
