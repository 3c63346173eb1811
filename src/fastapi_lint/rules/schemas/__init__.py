"""Rules of the family schemas: one rule is one module."""
