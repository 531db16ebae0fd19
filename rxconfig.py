"""What Reflex is told at build time and at start."""

import reflex as rx
from reflex.constants import StateManagerMode
from reflex.plugins.sitemap import SitemapPlugin

from booking_app.config import surface
from booking_app.run.fall_back import FallBack
from booking_app.run.same_origin import BUILD_ADDRESS, SameOrigin

_surface = surface()

config = rx.Config(
    app_name="booking_app",
    app_module_import="booking_app.booking_app",
    api_url=BUILD_ADDRESS,
    deploy_url=_surface.public_url or BUILD_ADDRESS,
    cors_allowed_origins=_surface.origins,
    trusted_proxy_hops=_surface.trusted_proxy_hops,
    redis_url=_surface.redis_url or None,
    state_manager_mode=StateManagerMode.REDIS if _surface.redis_url else StateManagerMode.MEMORY,
    telemetry_enabled=False,
    show_built_with_reflex=False,
    plugins=[SameOrigin(), FallBack()],
    disable_plugins=[SitemapPlugin],
)
