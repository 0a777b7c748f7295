"""Letters with accents, which file systems and editors write in two forms."""

import unicodedata


def composed(text: str) -> str:
    """The form in which names are compared."""
    return unicodedata.normalize("NFC", text)


def spellings(name: str) -> tuple[str, str, str]:
    """A name as it is, and with its accents written in either form."""
    return name, composed(name), unicodedata.normalize("NFD", name)
