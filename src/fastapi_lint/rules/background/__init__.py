"""Rules of the family background: one rule is one module."""
