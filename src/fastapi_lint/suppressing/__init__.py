"""What keeps a finding out of the report: comments, `# noqa`, the baseline. Judges no code."""
