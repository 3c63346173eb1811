"""From fixes to new texts: merge, apply, converge (`fixer`); how fixes are made of libcst nodes (`edits`)."""
