"""Rules of the family security: one rule is one module."""
