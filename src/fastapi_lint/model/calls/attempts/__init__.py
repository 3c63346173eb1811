"""`try` statements: what stands in them, what their clauses catch, and what these do about it; and callers that raise
where they are told of a failure. Judges nothing.
"""
