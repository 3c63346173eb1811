"""Tests between a text and its use: which hold where code runs, and which dangers they rule out. Judges nothing."""
