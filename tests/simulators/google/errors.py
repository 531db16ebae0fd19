"""Google's error bodies. Source: "Handle API errors" of the Calendar API guide; OAuth errors are in `oauth`."""

from __future__ import annotations

from collections.abc import Mapping

Json = dict[str, object]


class ApiError(Exception):
    """Answered as Google does: `status`, `reason` and the place of the fault."""

    def __init__(
        self,
        status: int,
        reason: str,
        message: str,
        *,
        location: str = "",
        location_type: str = "parameter",
        domain: str = "global",
        extra: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.headers = dict(headers or {})
        entry: Json = {"domain": domain, "reason": reason, "message": message}
        if location:
            entry |= {"locationType": location_type, "location": location}
        self.body: Json = {"error": {"errors": [entry], "code": status, "message": message, **(extra or {})}}


def invalid(message: str, location: str = "") -> ApiError:
    return ApiError(400, "invalid", message, location=location)


def required(message: str) -> ApiError:
    return ApiError(400, "required", message)


def not_found() -> ApiError:
    return ApiError(404, "notFound", "Not Found")


def deleted() -> ApiError:
    return ApiError(410, "deleted", "Resource has been deleted")


def forbidden(message: str = "Forbidden") -> ApiError:
    return ApiError(403, "forbidden", message)


def bad_credentials() -> ApiError:
    return ApiError(
        401,
        "authError",
        "Invalid Credentials",
        location="Authorization",
        location_type="header",
        extra={"status": "UNAUTHENTICATED"},
        headers={"WWW-Authenticate": 'Bearer realm="https://accounts.google.com/", error="invalid_token"'},
    )


def scope_missing() -> ApiError:
    info = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
        "domain": "googleapis.com",
        "metadata": {"service": "calendar-json.googleapis.com"},
    }
    return ApiError(
        403,
        "insufficientPermissions",
        "Request had insufficient authentication scopes.",
        extra={"status": "PERMISSION_DENIED", "details": [info]},
    )


def api_disabled() -> ApiError:
    return ApiError(
        403,
        "accessNotConfigured",
        "Google Calendar API has not been used in project 1 before or it is disabled.",
        domain="usageLimits",
        extra={"status": "PERMISSION_DENIED"},
    )


def full_sync_required() -> ApiError:
    return ApiError(
        410,
        "fullSyncRequired",
        "Sync token is no longer valid, a full sync is required.",
        domain="calendar",
        location="syncToken",
    )


QUOTAS: Mapping[str, tuple[int, str, str, str]] = {
    "user-403": (403, "usageLimits", "userRateLimitExceeded", "User Rate Limit Exceeded"),
    "project-403": (403, "usageLimits", "rateLimitExceeded", "Rate Limit Exceeded"),
    "429": (429, "usageLimits", "rateLimitExceeded", "Rate Limit Exceeded"),
    "abuse-403": (403, "usageLimits", "quotaExceeded", "Calendar usage limits exceeded."),
}
"""Shape -> (status, domain, reason, message)."""


def quota(shape: str) -> ApiError:
    """One of QUOTAS."""
    status, domain, reason, message = QUOTAS[shape]
    return ApiError(status, reason, message, domain=domain)


def backend() -> ApiError:
    return ApiError(500, "backendError", "Backend Error")
