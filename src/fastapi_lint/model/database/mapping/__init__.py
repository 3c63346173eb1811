"""Which classes are mapped to tables, with which columns and relationships. Judges nothing."""
