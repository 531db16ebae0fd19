"""`/healthz`, `/readyz`, `/metrics`: for the machine that watches this one."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.responses import Response

from booking_app import runtime
from booking_app.services import vitals

router = APIRouter(include_in_schema=False)


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/readyz")
async def readyz() -> JSONResponse:
    """The program can serve: 200, or 503 with what is wrong, by part."""
    running = runtime.current()
    faults = await vitals.faults(running.context)
    if not running.jobs.alive:
        faults["scheduler"] = "is not running"
    if faults:
        return JSONResponse({"status": "not ready", "faults": faults}, status_code=503)
    return JSONResponse({"status": "ready"})


@router.get("/metrics")
async def metrics() -> Response:
    """Prometheus text. With several processes the counts are those of all of them together."""
    running = runtime.current()
    counted = REGISTRY
    if running.settings.workers > 1:
        counted = CollectorRegistry()
        MultiProcessCollector(counted)  # type: ignore[no-untyped-call]
    text = generate_latest(counted) + generate_latest(await vitals.measured(running.context))
    return Response(text, media_type=CONTENT_TYPE_LATEST)
