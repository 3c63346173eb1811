"""Where texts arrive: sinks, what runs on the way to them, and archives whose members are written."""
