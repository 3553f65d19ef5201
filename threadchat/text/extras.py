"""Say in words why what an extra needs cannot be used, and the way out."""

from importlib import import_module

from threadchat.text.clean import clean_line


def why_unusable(module: str, extra: str) -> str:
    """Return why `module` cannot be imported, as the end of a line, with the way out; "" if it can.

    It needs the packages of the `extra`. They may be missing, or there and broken.
    """
    try:
        import_module(module)
    except ModuleNotFoundError as error:
        if "." not in (error.name or "."):  # a whole package
            return f"what that needs is not installed: pip install 'threadchat[{extra}]'"
        return _broken(error, extra)
    except (OSError, MemoryError):  # a shortage, of which nothing is known here
        raise
    except Exception as error:
        return _broken(error, extra)
    return ""


def _broken(error: Exception, extra: str) -> str:
    what = clean_line(" ".join(str(error).split()))
    words = f"{type(error).__name__}: {what}" if what else type(error).__name__
    way_out = f"pip install --force-reinstall 'threadchat[{extra}]'"
    return f"what that needs is installed, but broken ({words}): {way_out}"
