"""Graph's error bodies ("Microsoft Graph error responses and resource types")."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

Json = dict[str, object]


class GraphError(Exception):
    """Answered as Graph does."""

    def __init__(
        self, status: int, code: str, message: str = "", *, inner: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.headers = dict(headers or {})
        detail: Json = {"date": "2027-03-01T08:00:00", "request-id": str(uuid.uuid4())}
        if inner:
            detail["code"] = inner
        self.body: Json = {"error": {"code": code, "message": message or code, "innerError": detail}}


def bad(message: str, code: str = "RequestBroker--ParseUri") -> GraphError:
    return GraphError(400, code, message)


def missing() -> GraphError:
    return GraphError(404, "ErrorItemNotFound", "The specified object was not found in the store.")


def denied() -> GraphError:
    return GraphError(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")


def signed_out() -> GraphError:
    return GraphError(401, "InvalidAuthenticationToken", "Access token has expired or is not yet valid.")


def conflict() -> GraphError:
    text = "The send or update operation could not be performed because the change key passed in the request does not "
    return GraphError(412, "ErrorIrresolvableConflict", text + "match the current change key for the item.")


def throttled(seconds: int = 3, code: str = "ApplicationThrottled") -> GraphError:
    return GraphError(429, code, "Application is over its limit.", headers={"Retry-After": str(seconds)})


def unavailable(seconds: int = 0) -> GraphError:
    return GraphError(503, "ServiceUnavailable", "Try later.", headers={"Retry-After": str(seconds)} if seconds else {})


def stale() -> GraphError:
    return GraphError(410, "SyncStateNotFound", "The sync state generation is not found.", inner="resyncRequired")
