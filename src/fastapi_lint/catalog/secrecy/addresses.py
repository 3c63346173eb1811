"""Addresses on block chains: public, although they look as random as keys and a coin is called a `token`. No code."""

from __future__ import annotations

import re

_ACCOUNT = re.compile(r"0[xX][0-9A-Fa-f]{40}(?![0-9A-Za-z])")
"""An account or contract of Ethereum and what is built like it: 20 bytes; a private key has 32."""
_BECH32 = re.compile(r"[a-z]{1,20}1[02-9ac-hj-np-z]{38,90}\Z")
_CHARSET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CHECKSUMS = (1, 0x2BC830A3)
"""Of Bech32 (BIP 173) and of Bech32m (BIP 350)."""
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_PUBLIC_KEY = re.compile(rf"[{_BASE58}]{{43,44}}\Z")


def is_address(text: str) -> bool:
    """Whether a text is an address on a block chain, alone or with a note behind it (`0x..._WETH_18`)."""
    if _ACCOUNT.match(text) is not None:
        return True
    if _BECH32.match(text) is not None:
        return _is_checked(text)
    return _PUBLIC_KEY.match(text) is not None and _number(text) < 1 << 256


def _is_checked(text: str) -> bool:
    """Whether the checksum at the end of a Bech32 text is that of the rest."""
    prefix, _, data = text.rpartition("1")
    checksum = 1
    for value in (*(ord(c) >> 5 for c in prefix), 0, *(ord(c) & 31 for c in prefix), *map(_CHARSET.index, data)):
        top = checksum >> 25
        checksum = (checksum & 0x1FFFFFF) << 5 ^ value
        for bit, part in enumerate(_GENERATOR):
            if top >> bit & 1:
                checksum ^= part
    return checksum in _CHECKSUMS


def _number(text: str) -> int:
    """What a text is worth as a number to the base of 58: a public key of Ed25519 has 32 bytes."""
    number = 0
    for c in text:
        number = number * 58 + _BASE58.index(c)
    return number
