"""fastapi-lint: a static analyser that understands FastAPI applications, not just their files."""

__version__ = "0.2.0"
