"""An appointment as a calendar file, by the customer's private link."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import PlainTextResponse, Response

from booking_app import runtime
from booking_app.domain.errors import NotFound
from booking_app.services.mailing import calendar_file

router = APIRouter(include_in_schema=False)


@router.get("/ics/{token}.ics")
async def download(token: str) -> Response:
    """The file, named so that calendar programs open it; 404 for a link that is none."""
    try:
        content = await calendar_file(runtime.current().context, token[:128])
    except NotFound as error:
        return PlainTextResponse(str(error), status_code=404)
    return Response(
        content,
        media_type="text/calendar; charset=utf-8",
        headers={
            "Content-Disposition": 'attachment; filename="appointment.ics"',
            "Cache-Control": "no-store",
            "X-Robots-Tag": "noindex",
        },
    )
