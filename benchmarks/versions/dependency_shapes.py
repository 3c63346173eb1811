"""Prints what the FastAPI installed beside it makes of context managers as dependencies and of swallowed exceptions.

pip install "fastapi==VERSION" httpx && python benchmarks/versions/dependency_shapes.py
"""
# ruff: noqa

import sys, warnings

warnings.simplefilter("ignore")
import fastapi
from contextlib import contextmanager, asynccontextmanager
from fastapi import FastAPI, Depends, HTTPException
from fastapi.testclient import TestClient

app = FastAPI()


@contextmanager
def cm():
    yield "value"


@asynccontextmanager
async def acm():
    yield "value"


def swallow():
    try:
        yield 1
    except Exception:
        pass


@app.get("/cm")
def a(x=Depends(cm)):
    return type(x).__name__


@app.get("/acm")
async def b(x=Depends(acm)):
    return type(x).__name__


@app.get("/swallow")
def c(x=Depends(swallow)):
    raise HTTPException(404)


@app.get("/swallow2")
def d(x=Depends(swallow)):
    raise ValueError("lost")


for p in ("/cm", "/acm", "/swallow", "/swallow2"):
    try:
        r = TestClient(app).get(p)
        print(fastapi.__version__, p, r.status_code, r.text[:60])
    except Exception as e:
        print(fastapi.__version__, p, type(e).__name__, str(e)[:160])
