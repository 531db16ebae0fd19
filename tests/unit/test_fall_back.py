"""The front end's client gets a second transport."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from booking_app.run.fall_back import MODULE, with_polling


def client() -> str:
    found = find_spec("reflex_base")
    assert found is not None
    assert found.origin is not None
    return (Path(found.origin).parent / ".templates" / "web" / MODULE).read_text()


def test_the_client_that_is_installed_gets_both_and_stays_so() -> None:
    changed = with_polling(client())
    assert "transports: order," in changed
    assert "tryAllTransports: true" in changed
    assert with_polling(changed) == changed


def test_another_client_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="second transport"):
        with_polling("const createSocket = null;")
