"""What a run leaves for the next one, and what of it still holds. Judges nothing itself."""
