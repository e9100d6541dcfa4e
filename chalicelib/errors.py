"""Every error of Halftone on one screen.

A message is public: it reaches the record, the completion, the HTTP client and the Step Functions cause. What must
stay inside (a traceback, an AWS response) travels as the exception's `__cause__` and is only logged.
"""

from typing import ClassVar


class HalftoneError(Exception):
    """Base of every error that Halftone raises on purpose; `code` is part of the public interface."""

    code: ClassVar[str]


class PermanentError(HalftoneError):
    """Trying again with the same input ends the same way: it is recorded and announced, never retried."""


class TransientError(HalftoneError):
    """The surroundings failed, not the input: it is raised to Lambda, which retries.

    `in_flight` says whether what was sent may still take effect.
    """

    def __init__(self, message: str, *, in_flight: bool = False) -> None:
        super().__init__(message)
        self.in_flight = in_flight


# --- permanent: what the caller asked for


class InvalidRequest(PermanentError):
    """A parameter is missing, unknown, of the wrong type or out of range; `field` names it where there is one."""

    code = "invalid_request"

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class UnknownVariant(InvalidRequest):
    """A variant was asked for that the pipeline does not name."""

    code = "unknown_variant"


class ForbiddenBucket(PermanentError):
    """The bucket is not on the stage's allow-list."""

    code = "forbidden_bucket"


class NotFound(PermanentError):
    """There is no such object, version or record, or its bytes are in an archive."""

    code = "not_found"


# --- permanent: what the original is


class EmptyObject(PermanentError):
    """The original has no bytes."""

    code = "empty_object"


class FileTooLarge(PermanentError):
    """The original has more bytes than `Limits.max_bytes`."""

    code = "file_too_large"


class ImageTooLarge(PermanentError):
    """The original has more pixels, over all its frames, than `Limits.max_pixels`, or its variants more than fit."""

    code = "image_too_large"


class TooManyFrames(PermanentError):
    """The original has more frames than `Limits.max_frames`."""

    code = "too_many_frames"


class UnsupportedFormat(PermanentError):
    """The bytes are of no format on the allow-list of decoders."""

    code = "unsupported_format"


class CorruptImage(PermanentError):
    """The format was recognised, but the bytes are truncated or damaged."""

    code = "corrupt_image"


class NotAnOriginal(PermanentError):
    """The object is no original of the pipeline: its key says so, or the mark of a variant."""

    code = "not_an_original"


class Replaced(PermanentError):
    """Another original has written its variants over this one's: the pipeline lets them share keys."""

    code = "replaced"


class VariantTooLarge(PermanentError):
    """No quality makes the variant fit in its `max_bytes`."""

    code = "variant_too_large"


class DeadlineExceeded(PermanentError):
    """The image takes longer than a function may run: it had all the time, and would take as long again."""

    code = "deadline_exceeded"


class ResourcesExceeded(PermanentError):
    """The image takes more memory or CPU time than there is for one, or whoever renders it dies of it."""

    code = "resources_exceeded"


# --- permanent: where a completion was to go


class CompletionRefused(PermanentError):
    """A fan-out target does not want the completion, or must not have it; it stays so."""

    code = "completion_refused"


# --- transient


class StorageUnavailable(TransientError):
    """S3 refused or failed."""

    code = "storage_unavailable"


class CatalogueUnavailable(TransientError):
    """DynamoDB refused or failed."""

    code = "catalogue_unavailable"


class CompletionsUnavailable(TransientError):
    """SNS, or a fan-out target behind it, refused or failed."""

    code = "completions_unavailable"


class WorkflowsUnavailable(TransientError):
    """Step Functions, or Lambda where work was handed to it, refused or failed."""

    code = "workflows_unavailable"


class AccessDenied(TransientError):
    """A policy, or the one of a key, does not let the function do its work.

    The stage is at fault and not the image. So the event stays: Lambda tries it again, and then leaves it in the queue
    of failed events until somebody has corrected the policy.
    """

    code = "access_denied"


class ImageBusy(TransientError):
    """Somebody else is at work on the image, and has to finish first."""

    code = "image_busy"


class TimeIsUp(TransientError):
    """The function has no time left for the work; where there is more, or nothing else to do, it may be enough."""

    code = "time_is_up"


MAX_SHOWN = 50
"""Characters of what somebody wrote that a message repeats: it is read in e-mails, and a header may have 2,000."""


def shown(value: object) -> str:
    """Return what somebody wrote as a message repeats it: as Python would write it, and cut short."""
    return shortened(repr(value))


def shortened(text: str) -> str:
    """Return a text of at most MAX_SHOWN characters.

    >>> shortened("wide"), len(shortened("9" * 2000))
    ('wide', 50)
    """
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 3]}..."


BY_CODE: dict[str, type[HalftoneError]] = {
    error.code: error
    for parent in (PermanentError, TransientError, InvalidRequest)
    for error in parent.__subclasses__()
    if "code" in vars(error)
}
"""Every error by its code, so that a failure that was recorded can be raised again."""
