"""The configuration of a server: what cannot be is an error at once."""

from typing import Any

import pytest

from threadchat import ServerConfig


@pytest.mark.parametrize("wrong", [{"replay": -1}, {"keep": -0.5}, {"metrics": "all"}])
def test_what_cannot_be_is_an_error(wrong: dict[str, Any]) -> None:
    (name,) = wrong
    with pytest.raises(ValueError, match=f"^{name} is "):
        ServerConfig(**wrong)


def test_the_bounds_can_be() -> None:
    config = ServerConfig(replay=0, keep=0.0, metrics="off")
    assert (config.replay, config.keep, config.metrics) == (0, 0.0, "off")
