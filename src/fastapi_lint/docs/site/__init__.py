"""The site as Markdown pages: a page a rule, their index, the guides, what was measured. Makes text; writes nothing.

`whole.py` says what there is, `tests/site_pages.py` writes it (`make site`), and a generator of sites makes HTML of it.
"""
