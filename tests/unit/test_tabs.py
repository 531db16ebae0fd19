"""By what the server knows a tab."""

from __future__ import annotations

import pytest

from booking_app.services.tabs import cookie_values, new_visitor, tab_ident, visitor_cookie_name

HTTPS, HTTP = "https://book.example.com", "http://localhost:8000"
TOKEN = "6f1c0b1e-3a52-4a2b-9d59-5f2f4c3e1a77"


def ident(token: str = TOKEN, cookies: str | None = "__Host-booking_visitor=a", client: str = "192.0.2.1") -> str:
    return tab_ident(token, cookies, client, HTTPS)


def test_a_tab_is_the_same_wherever_its_browser_goes() -> None:
    assert ident() == ident(client="198.51.100.7")
    assert ident() == ident(cookies="theme=dark; __Host-booking_visitor=a; __Host-booking_session=x")


@pytest.mark.parametrize(
    "cookies",
    [
        None,
        "",
        "__Host-booking_visitor=b",
        "booking_visitor=a",
        "__Host-booking_visitor=",
        "__Host-booking_visitor=a; __Host-booking_visitor=b",
    ],
)
def test_its_token_alone_leads_to_another(cookies: str | None) -> None:
    assert ident(cookies=cookies) != ident()


def test_without_cookies_the_address_counts() -> None:
    assert ident(cookies=None) == ident(cookies="theme=dark")
    assert ident(cookies=None) != ident(cookies=None, client="198.51.100.7")
    # What stands for an address cannot be said by a cookie.
    assert ident(cookies="__Host-booking_visitor=192.0.2.1") != ident(cookies=None)


def test_the_token_and_the_cookie_do_not_show() -> None:
    assert TOKEN not in ident()
    assert ident(TOKEN + "\0cookie") != ident()


def test_cookies_are_named_and_made_as_those_of_sessions() -> None:
    assert visitor_cookie_name(HTTPS) == "__Host-booking_visitor"
    assert visitor_cookie_name(HTTP) == "booking_visitor"
    assert len({new_visitor() for _ in range(50)}) == 50
    assert cookie_values("a=1; b=2;a=3;;=; a=", "a") == {"1", "3"}
