"""Rules of Acme's API for fastapi-lint: one module a rule."""
