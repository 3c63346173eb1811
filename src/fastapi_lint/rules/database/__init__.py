"""Rules of the family database: one rule is one module."""
