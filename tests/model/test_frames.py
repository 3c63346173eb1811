"""What parameters stand for in each call of a function: how often that is worked out."""

from __future__ import annotations

from collections import Counter

import pytest
from model.projects import function, project

from fastapi_lint.model.values.frames import DEPTH, Frames


def test_functions_that_all_call_each_other_are_not_gone_through_on_every_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else calls them: each finds nothing while the others are worked out, and there are very many ways."""
    names = [f"step_{number}" for number in range(9)]
    bodies = {name: [f"        self.next.{other}(value)\n" for other in names if other != name] for name in names}
    methods = [f"    def {name}(self, value):\n" + "".join(body) for name, body in bodies.items()]
    of = project(app="class Chain:\n" + "\n".join(methods))
    worked_out = Counter[str]()
    calls = Frames._calls

    def counted(self: Frames, *given: object) -> object:
        worked_out[given[0].name] += 1  # type: ignore[attr-defined]
        return calls(self, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(Frames, "_calls", counted)
    assert of.routes.expansion.frames(function(of, "Chain.step_0"), frozenset({"self"}), 0) == []
    assert set(worked_out) == set(names)
    assert max(worked_out.values()) <= DEPTH
