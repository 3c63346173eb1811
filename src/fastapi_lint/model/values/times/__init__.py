"""Times: which values are some, and whether they say in which zone. Judges nothing."""
