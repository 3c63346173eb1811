"""Rules of the family linter: one rule is one module."""
