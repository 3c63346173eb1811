"""Rules of the family routing: one rule is one module."""
