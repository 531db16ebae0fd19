"""`/healthz`, `/readyz`, `/metrics`: for the machine that watches this one."""

from __future__ import annotations

import hmac
from ipaddress import ip_address

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.responses import Response

from booking_app import runtime
from booking_app.addresses import came_through_a_proxy
from booking_app.services import vitals

router = APIRouter(include_in_schema=False)


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/readyz")
async def readyz() -> JSONResponse:
    """The program can serve, and write what it must: 200, or 503 with what is wrong, by part."""
    running = runtime.current()
    faults = await running.readiness.faults()
    if not running.jobs.alive:
        faults["scheduler"] = "is not running"
    if faults:
        return JSONResponse({"status": "not ready", "faults": faults}, status_code=503)
    return JSONResponse({"status": "ready"})


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Prometheus text. With several processes the counts are those of all of them together.

    With METRICS_TOKEN set, for whoever has it; else for the own network only, and 404 for everybody else."""
    running = runtime.current()
    if not _may_watch(request, running.settings.metrics_token):
        raise HTTPException(404)
    counted = REGISTRY
    if running.settings.workers > 1:
        counted = CollectorRegistry()
        MultiProcessCollector(counted)  # type: ignore[no-untyped-call]
    text = generate_latest(counted) + generate_latest(await vitals.measured(running.context))
    return Response(text, media_type=CONTENT_TYPE_LATEST)


def _may_watch(request: Request, token: str) -> bool:
    """Whatever a proxy hands on is a visitor's: it may write the visitor's address or not, but it says what it is."""
    if token:
        given = request.headers.get("authorization", "").partition(" ")
        return given[0].lower() == "bearer" and hmac.compare_digest(given[2].encode(), token.encode())
    try:
        peer = ip_address(request.client.host if request.client else "")
    except ValueError:
        return False
    return (peer.is_private or peer.is_loopback) and not came_through_a_proxy(request.headers.raw)
