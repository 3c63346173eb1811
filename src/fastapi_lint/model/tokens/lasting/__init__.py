"""How long the tokens live that a program issues, and by which names and numbers that is decided. Judges nothing."""
