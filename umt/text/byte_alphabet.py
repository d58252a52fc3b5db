"""How byte-level vocabularies write bytes: each as one printable character (GPT-2)."""

from __future__ import annotations


def _alphabet() -> dict[str, int]:
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + n): byte for n, byte in enumerate(others)}


_ALPHABET = _alphabet()


def token_bytes(token: str) -> bytes:
    """The bytes that a subword of such a vocabulary stands for."""
    return bytes(_ALPHABET[character] for character in token if character in _ALPHABET)
