"""What refuses strangers besides dependencies: middleware, decorators, checks in code. Judges nothing."""
