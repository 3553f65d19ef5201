"""Choose a client's encoding: what it offers (RFC 2066), and what Windows' console uses."""

MAX_CHARSETS = 16
"""How many of the charsets a client offers are looked at."""


# The code page of Windows' console where the one of its windows is the key: telnet.exe uses it.
OEM_CODE_PAGES = {
    "cp1250": "cp852",
    "cp1251": "cp866",
    "cp1252": "cp437",
    "cp1253": "cp737",
    "cp1254": "cp857",
    "cp1255": "cp862",
    "cp1257": "cp775",
    "cp1258": "cp1258",
}

COMMON_ENCODINGS = frozenset({*OEM_CODE_PAGES, *OEM_CODE_PAGES.values(), "cp850", "latin-1"})
"""What clients' bytes are in, as a rule, if not in UTF-8."""
