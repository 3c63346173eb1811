"""Rules of the family application: one rule is one module."""
