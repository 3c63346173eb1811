"""The documentation of rules as Markdown, and the files that a new rule starts from."""
