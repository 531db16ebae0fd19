"""The addresses that providers know us by, asked by this installation itself: only it can answer (sync/probe.py)."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException
from starlette.responses import PlainTextResponse, Response

from booking_app import runtime
from booking_app.services.provider_apps import is_vendor
from booking_app.sync import probe

router = APIRouter(include_in_schema=False)


def answered(asked: str) -> Response:
    """The answer to a question of this installation; else 404."""
    found = probe.answer(runtime.current().context.sealer, asked)
    if found is None:
        raise HTTPException(404, "There is nothing here.")
    return PlainTextResponse(found, headers={"Cache-Control": "no-store"})


@router.get("/api/webhooks/{provider}")
async def webhook(provider: str, probe: str = "") -> Response:
    """Where notifications are sent to, which is done with POST."""
    if not is_vendor(provider):
        raise HTTPException(404, "There is nothing here.")
    return answered(probe)
