"""The property names that Graph v1.0 knows, as listed by the generated models of msgraph-sdk 1.65 (the keys of their
`get_field_deserializers`), and what a client may set of them."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


EVENT = _words(
    """
    id changeKey createdDateTime lastModifiedDateTime categories allowNewTimeProposals attachments attendees
    body bodyPreview calendar cancelledOccurrences end exceptionOccurrences extensions hasAttachments
    hideAttendees iCalUId importance instances isAllDay isCancelled isDraft isOnlineMeeting isOrganizer
    isReminderOn location locations multiValueExtendedProperties onlineMeeting onlineMeetingProvider
    onlineMeetingUrl organizer originalEndTimeZone originalStart originalStartTimeZone recurrence
    reminderMinutesBeforeStart responseRequested responseStatus sensitivity seriesMasterId showAs
    singleValueExtendedProperties start subject transactionId type webLink
    """
)
EVENT_WRITABLE = _words(
    """
    categories allowNewTimeProposals attendees body end hideAttendees importance isAllDay isOnlineMeeting
    isReminderOn location locations onlineMeetingProvider recurrence reminderMinutesBeforeStart
    responseRequested sensitivity showAs singleValueExtendedProperties start subject transactionId
    """
)
EXPANDABLE = frozenset(
    {"singleValueExtendedProperties", "exceptionOccurrences", "instances", "extensions", "attachments"}
)
NOT_SELECTABLE_IN_A_VIEW = frozenset({"createdDateTime", "lastModifiedDateTime"})
BASIC_HIDES = frozenset({"body", "bodyPreview", "attachments", "extensions", "singleValueExtendedProperties"})
"""What `Calendars.ReadBasic` does not open."""
CALENDAR = _words(
    """
    id allowedOnlineMeetingProviders canEdit canShare canViewPrivateItems changeKey color
    defaultOnlineMeetingProvider hexColor isDefaultCalendar isRemovable isTallyingResponses name owner
    """
)
SUBSCRIPTION_WRITABLE = _words(
    """
    changeType clientState encryptionCertificate encryptionCertificateId expirationDateTime
    includeResourceData latestSupportedTlsVersion lifecycleNotificationUrl notificationQueryOptions
    notificationUrl notificationUrlAppId resource
    """
)
SHOW_AS = frozenset({"free", "tentative", "busy", "oof", "workingElsewhere", "unknown"})
SENSITIVITY = frozenset({"normal", "personal", "private", "confidential"})
