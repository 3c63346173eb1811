"""Statements of a syntax tree to entries of a draft, one module for a family of node kinds."""
