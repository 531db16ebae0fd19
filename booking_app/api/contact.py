"""How to reach the business without the pages: for browsers without JavaScript, and for when no connection stands.

The pages are built once for every installation, so what differs between these is asked for beside them.
"""

from __future__ import annotations

import json
from html import escape

from fastapi import APIRouter
from starlette.responses import HTMLResponse, Response

from booking_app import runtime

router = APIRouter(include_in_schema=False)

_PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{team}: contact</title>
<link rel="stylesheet" href="/styles/base.css"></head>
<body><main id="main" class="no-script"><h1>{team}</h1>{ways}</main></body>
</html>
"""


@router.get("/contact")
async def contact() -> HTMLResponse:
    """The ways to reach the business, as a page that needs nothing."""
    running = runtime.current()
    phone, email = running.settings.contact_phone, running.settings.contact_email
    ways = [f'<a href="tel:{_dialled(phone)}">{escape(phone)}</a>'] if phone else []
    ways += [f'<a href="mailto:{escape(email)}">{escape(email)}</a>'] if email else []
    said = f"<p>Book by {' or '.join(ways)}.</p>" if ways else "<p>Please try again later.</p>"
    return HTMLResponse(_PAGE.format(team=escape(running.context.team_name), ways=said))


@router.get("/contact.js")
async def script() -> Response:
    """The same for assets/page.js, which says it when no connection stands."""
    settings = runtime.current().settings
    known = {"phone": settings.contact_phone, "email": settings.contact_email}
    return Response(f"window.bookingContact = {json.dumps(known)};\n", media_type="text/javascript; charset=utf-8")


def _dialled(phone: str) -> str:
    """What a telephone dials (RFC 3966)."""
    return "".join(each for each in phone if each.isdigit() or each == "+")
