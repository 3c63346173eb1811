"""One file a format: each has `render(report) -> str`, and is imported only when it is the chosen one."""
