"""What a webhook says, and how it is signed: Standard Webhooks 1.0.0, symmetric signatures (`v1`). Pure."""

import base64
import hashlib
import hmac

import msgspec

from chalicelib.model.completion import Completion

SECRET_PREFIX = "whsec_"  # noqa: S105 - what a secret begins with


def read_secret(text: str) -> bytes:
    """Decode `whsec_<base64>`; raises ValueError unless it holds the 24 to 64 bytes that the specification asks for."""
    try:
        secret = base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except ValueError:
        secret = b""
    if not text.startswith(SECRET_PREFIX) or not 24 <= len(secret) <= 64:
        raise ValueError(f"expected {SECRET_PREFIX} and the base64 form of 24 to 64 random bytes")
    return secret


def body(completion: Completion) -> bytes:
    """Write a completion as the specification recommends: its type, when it happened, and itself as the data."""
    return msgspec.json.encode(
        {"type": completion.event.value, "timestamp": completion.occurred_at, "data": completion}
    )


def message_id(url: str, content: bytes) -> str:
    """Name a message so that the same completion has the same name each time it comes to the same URL."""
    return "msg_" + hashlib.sha256(url.encode() + b"\n" + content).hexdigest()[:32]


def headers(url: str, content: bytes, secret: bytes, *, timestamp: int) -> dict[str, str]:
    """Name, date and sign a message; `timestamp` is that of the attempt, in seconds since 1970."""
    name = message_id(url, content)
    return {
        "Content-Type": "application/json",
        "User-Agent": "Halftone",
        "webhook-id": name,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(name, timestamp, content, secret),
    }


def signature(name: str, timestamp: int, content: bytes, secret: bytes) -> str:
    """Sign `<id>.<timestamp>.<body>` with HMAC-SHA256."""
    digest = hmac.digest(secret, f"{name}.{timestamp}.".encode() + content, "sha256")
    return "v1," + base64.b64encode(digest).decode()
