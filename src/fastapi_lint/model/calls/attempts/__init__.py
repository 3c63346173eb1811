"""`try` statements: what stands in them, what their clauses catch, and what these do about it. Judges nothing."""
