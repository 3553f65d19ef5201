"""What the system is that the tests run on."""

import ctypes
import sys

UNDER_WINE = sys.platform == "win32" and hasattr(ctypes.WinDLL("ntdll"), "wine_get_version")
"""Whether this is not Windows itself, but Wine, which does most things as Windows does."""
