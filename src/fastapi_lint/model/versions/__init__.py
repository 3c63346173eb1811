"""What a project declares about Python and its libraries. Reads no file."""

from __future__ import annotations
