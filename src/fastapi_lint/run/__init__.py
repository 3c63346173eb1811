"""A run, from paths to an outcome: `story` is the way from top to bottom, the others are its hands."""
