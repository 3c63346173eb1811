"""Rules of the family injection: one rule is one module."""
