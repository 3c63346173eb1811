"""What is made of itself comes to an end: every rule, every fix and every public question to the model."""

from __future__ import annotations

from fuzz.circles import circles
from fuzz.mutations import fuzzed
from fuzz.properties import fix_and_judge, judge
from fuzz.questions import ask_everything, linked
from hypothesis import given
from hypothesis import strategies as st

from fastapi_lint.run.story import lint_sources


@fuzzed
@given(circles)
def test_every_rule_ends(files: dict[str, bytes]) -> None:
    judge(lint_sources(files, select=("all",)), files)


@fuzzed
@given(circles, st.booleans())
def test_every_fix_ends(files: dict[str, bytes], unsafe: bool) -> None:
    fix_and_judge(files, unsafe=unsafe)


@fuzzed
@given(circles)
def test_every_question_ends(files: dict[str, bytes]) -> None:
    ask_everything(linked(files))


def test_the_model_is_asked_all_sorts_of_questions() -> None:
    text = b"""
from fastapi import Depends, FastAPI
from pydantic import BaseModel
app = FastAPI()
class Item(BaseModel):
    name: str = "x"
def user(token: str = "y"): return Item(name=token)
@app.post("/items")
async def create(item: Item, who=Depends(user)): return user(item.name)
"""
    asked = ask_everything(linked({"main.py": text}))
    assert {"Inference.infer", "Inference.annotation", "Values.constant", "Values.pieces"} <= asked
    assert {"Effects.blocks", "Execution.steps", "Dependencies.closure", "Schemas.field_types"} <= asked
    assert {"Routes.addresses_of", "OrmModels.of", "Callers.uses", "Expansion.values"} <= asked
    assert len(asked) > 150
