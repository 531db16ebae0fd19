"""Secrets open with any configured key, for their own row only, and damage is named, never a crash."""

from __future__ import annotations

import pytest

from booking_app.sync.vault import UnreadableSecret, Vault, new_key


def test_a_secret_opens_for_its_own_row_only() -> None:
    vault = Vault([new_key()])
    sealed = vault.seal("app-password", "connection:1")
    assert b"app-password" not in sealed
    assert vault.open(sealed, "connection:1") == "app-password"
    with pytest.raises(UnreadableSecret):
        vault.open(sealed, "connection:2")


def test_the_first_key_seals_and_all_open() -> None:
    old, new = new_key(), new_key()
    sealed = Vault([old]).seal("secret", "row")
    both = Vault([new, old])
    assert both.open(sealed, "row") == "secret"
    renewed = both.renew(sealed, "row")
    assert renewed is not None
    assert Vault([new]).open(renewed, "row") == "secret"
    assert both.renew(renewed, "row") is None


@pytest.mark.parametrize("keep", [0, 5, 12, 20])
def test_a_value_cut_off_is_unreadable_and_its_error_shows_nothing_of_it(keep: int) -> None:
    vault = Vault([new_key()])
    sealed = vault.seal("app-password", "row")
    with pytest.raises(UnreadableSecret) as caught:
        vault.open(sealed[:keep], "row")
    assert "app-password" not in str(caught.value)
