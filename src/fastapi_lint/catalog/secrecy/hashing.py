"""What hashes passwords, by its name."""

from __future__ import annotations

HASHERS = ("passlib.", "pwdlib.", "bcrypt.", "argon2.", "werkzeug.security.", "django.contrib.auth.hashers.")
"""Libraries that hash passwords well."""
_HASHES = frozenset({"hash", "hashpw", "encrypt", "generate_password_hash", "make_password"})


def hashes(name: str) -> bool:
    """Whether a function or method of this full name hashes a password to be kept."""
    return name.startswith(HASHERS) and name.rpartition(".")[2] in _HASHES
