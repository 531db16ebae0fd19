"""The bundle speaks to wherever it was loaded from."""

from __future__ import annotations

from pathlib import Path

import pytest

from booking_app.run.same_origin import BUILD_ADDRESS, SameOrigin

SOCKET = BUILD_ADDRESS.replace("http", "ws", 1)


@pytest.mark.parametrize("quote", ['"', "'", "`"])
def test_the_address_of_the_build_becomes_the_pages_own(tmp_path: Path, quote: str) -> None:
    file = tmp_path / "assets" / "env-1a2b.js"
    file.parent.mkdir()
    file.write_text(f"e={{EVENT:{quote}{SOCKET}/_event{quote},PING:{quote}{BUILD_ADDRESS}/ping{quote}}}")
    SameOrigin().post_build(static_dir=tmp_path)
    assert file.read_text() == (
        f"e={{EVENT:location.origin.replace(/^http/,`ws`)+{quote}/_event{quote},"
        f"PING:location.origin+{quote}/ping{quote}}}"
    )


def test_a_bundle_without_the_address_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "env.js").write_text('e={EVENT:"/_event"}')
    with pytest.raises(RuntimeError, match="address-free"):
        SameOrigin().post_build(static_dir=tmp_path)
