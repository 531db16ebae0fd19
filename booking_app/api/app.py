"""The HTTP side: one FastAPI app that collects the routers and wraps the pages that Reflex serves."""

from __future__ import annotations

from fastapi import FastAPI

from booking_app.api import contact, failures, health, ics, oauth, probes, sessions, v1, webhooks
from booking_app.api.failures import Failures
from booking_app.api.protection import BodyLimit, CompressedApi, SecurityHeaders, VisitorCookie

ROUTERS = (
    health.router,
    contact.router,
    sessions.router,
    oauth.router,
    probes.router,
    ics.router,
    v1.router,
    webhooks.router,
    failures.router,
)


def create_api(*, https: bool = False) -> FastAPI:
    """A new app, whose visitors come by https or not. Reflex mounts itself behind these routes."""
    api = FastAPI(title="Booking", version="1", docs_url=None, redoc_url=None, openapi_url="/api/v1/openapi.json")
    for router in ROUTERS:
        api.include_router(router)
    api.add_middleware(CompressedApi, minimum_size=1000)
    api.add_middleware(BodyLimit)
    api.add_middleware(Failures)
    api.add_middleware(VisitorCookie, https=https)
    api.add_middleware(SecurityHeaders, https=https)
    return api
