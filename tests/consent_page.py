"""What a person does on a simulated consent page, by its HTML form alone: who they are, what they untick, allow or
cancel."""

from __future__ import annotations

from collections.abc import Collection
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx


class _Form(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.action, self.fields, self.people, self.boxes = (
            "",
            list[tuple[str, str]](),
            list[tuple[str, str]](),
            list[tuple[str, str]](),
        )
        self.buttons: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        field = given.get("name", ""), given.get("value", "")
        if tag == "form":
            self.action = given.get("action", "")
        elif tag == "button":
            self.buttons.append(field)
        elif tag == "input":
            kind = {"hidden": self.fields, "radio": self.people, "checkbox": self.boxes}
            kind.get(given.get("type", "text"), self.fields).append(field)


async def visit(address: str, person: str, *, untick: Collection[str] = (), decision: str = "allow") -> dict[str, str]:
    """Open the consent page at `address` and decide there as `person` (an e-mail address); what the browser brings back
    to us. `untick` are ends of scopes. The page must say that it is a simulation."""
    async with httpx.AsyncClient() as browser:
        page = await browser.get(address)
        assert page.status_code == 200, page.text
        assert "Simulation" in page.text
        form = _Form()
        form.feed(page.text)
        who = next(each for each in form.people if each[1] == person)
        ticked = [each for each in form.boxes if not any(each[1].endswith(end) for end in untick)]
        assert len(form.boxes) - len(ticked) == len(untick)
        button = next(each for each in form.buttons if each[1] == decision)
        sent: dict[str, list[str]] = {}
        for name, value in (*form.fields, who, *ticked, button):
            sent.setdefault(name, []).append(value)
        answer = await browser.post(urljoin(address, form.action), data=sent)
    assert answer.status_code in (302, 303), answer.text
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query))
