"""The rules: one module is one rule, its name the name of the file. Found by walking this package; no list."""
