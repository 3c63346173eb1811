"""Expressions of a syntax tree to expressions of the facts, one module for a family of node kinds."""
