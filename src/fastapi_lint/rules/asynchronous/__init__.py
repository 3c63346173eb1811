"""Rules of the family asynchronous: one rule is one module."""
