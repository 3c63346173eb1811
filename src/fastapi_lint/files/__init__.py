"""One file of the analysed project: its bytes, text, lines and positions, path patterns, atomic writing."""
