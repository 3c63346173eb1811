"""Which numbers decide how many rows are loaded, and what bounds them. Judges nothing."""
