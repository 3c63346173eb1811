"""What each module brings to the tables that are collected from all of them by name."""
