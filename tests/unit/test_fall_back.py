"""The front end's client gets a second transport."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from booking_app.run.fall_back import MODULE, FallBack, original, with_polling


def test_the_client_that_is_installed_gets_both_whatever_the_last_build_left() -> None:
    tasks: dict[str, Callable[[str], str]] = {}
    FallBack().pre_compile(add_modify_task=tasks.__setitem__)
    changed = tasks[MODULE](original())
    assert "transports: order," in changed
    assert "tryAllTransports: true" in changed
    assert tasks[MODULE](changed) == tasks[MODULE]("what an older build left") == changed


def test_another_client_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="second transport"):
        with_polling("const createSocket = null;")
