"""Rules of the family testing: one rule is one module."""
