"""Test that every error of the package's own has one of the two bases, and is one line."""

import importlib
import inspect
import pkgutil

import threadchat
from threadchat.errors import OperatorError, PersonError
from threadchat.net.tls import HandshakeFailed
from threadchat.text.names import BadName


def own_errors() -> list[type[Exception]]:
    """Return the classes of errors that the package defines."""
    found: set[type[Exception]] = set()
    for module_info in pkgutil.walk_packages(threadchat.__path__, "threadchat."):
        if not module_info.name.endswith("__main__"):
            module = importlib.import_module(module_info.name)
            for _, item in inspect.getmembers(module, inspect.isclass):
                if issubclass(item, Exception) and item.__module__.startswith("threadchat."):
                    found.add(item)
    return sorted(found - {OperatorError, PersonError}, key=lambda error: error.__name__)


def test_each_is_for_the_person_or_for_the_operator() -> None:
    errors = own_errors()
    assert errors
    for error in errors:
        assert issubclass(error, PersonError) != issubclass(error, OperatorError), error


def test_an_error_that_has_a_second_base_says_the_same() -> None:
    assert str(BadName("That name is too long.")) == "That name is too long."
    failed = HandshakeFailed("not TLS", spoke_tls=False)
    assert isinstance(failed, OSError)
    assert str(failed) == "not TLS"
    assert failed.errno is None
