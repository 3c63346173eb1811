"""One file in, facts out. Pure, and the only place that knows tree-sitter."""
