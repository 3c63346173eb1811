"""Who writes to the database, who commits, and which writes are left to others. Judges nothing."""
