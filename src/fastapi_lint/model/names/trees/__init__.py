"""Parts of a module's libcst tree: the excerpt that fixes need, the nodes with what is around each. Judges nothing."""
