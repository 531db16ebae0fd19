"""Graph's error bodies. Source: "Microsoft Graph error responses and resource types"; OAuth errors are in `oauth`."""

from __future__ import annotations

from collections.abc import Mapping

Json = dict[str, object]


class GraphError(Exception):
    """Answered as Graph does. `extra` stands beside code and message; `api` adds innerError."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str = "",
        *,
        extra: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.headers = dict(headers or {})
        self.body: Json = {"error": {"code": code, "message": message or code, **(extra or {})}}


def invalid(message: str, code: str = "ErrorInvalidParameter") -> GraphError:
    return GraphError(400, code, message)


def bad_body(message: str) -> GraphError:
    return GraphError(400, "RequestBodyRead", message)


def bad_query(message: str) -> GraphError:
    return GraphError(400, "BadRequest", message)


def failed_validation(message: str = "At least one property failed validation.") -> GraphError:
    return GraphError(400, "ErrorPropertyValidationFailure", message)


def not_found() -> GraphError:
    return GraphError(404, "ErrorItemNotFound", "The specified object was not found in the store.")


def malformed_id() -> GraphError:
    return GraphError(400, "ErrorInvalidIdMalformed", "Id is malformed.")


def denied() -> GraphError:
    return GraphError(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")


def bad_token(message: str = "Lifetime validation failed, the token is expired.") -> GraphError:
    challenge = 'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize"'
    return GraphError(401, "InvalidAuthenticationToken", message, headers={"WWW-Authenticate": challenge})


def conflict() -> GraphError:
    return GraphError(
        412,
        "ErrorIrresolvableConflict",
        "The send or update operation could not be performed because the change key passed in the request does not "
        "match the current change key for the item.",
    )


def stale(location: str) -> GraphError:
    """A delta token that the server has forgotten."""
    message = "The sync state generation is not found; a full synchronization is required."
    inner = {"innerError": {"code": "resyncRequired"}}
    return GraphError(410, "SyncStateNotFound", message, extra=inner, headers={"Location": location})


def throttled(retry_after: int, limit: str = "MailboxConcurrency") -> GraphError:
    return GraphError(
        429,
        "ApplicationThrottled",
        f"Application is over its {limit} limit.",
        headers={"Retry-After": str(retry_after)},
    )


def unavailable(retry_after: int | None = None) -> GraphError:
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    message = "The service is temporarily unavailable. Please retry after some time."
    return GraphError(503, "ServiceUnavailable", message, headers=headers)


def broken() -> GraphError:
    return GraphError(500, "ErrorInternalServerError", "An internal server error occurred. The operation failed.")


def no_mailbox() -> GraphError:
    message = "The mailbox is either inactive, soft-deleted, or is hosted on-premise."
    return GraphError(404, "MailboxNotEnabledForRESTAPI", message)
