"""The cloud's front door, for tests, chaos and load: it sees what the deployed functions call, and can refuse it.

`GET /_halftone/calls`     how often the functions have called which operation (`s3:GetObject`)
`GET /_halftone/units`     how many units of DynamoDB that took
`GET /_halftone/refusals`  how many of these calls were refused
`GET /_halftone/notices`   the last messages that the functions published on SNS, with all parameters of the call
`GET /_halftone/users`     which IAM actions clients have taken, by their access keys
`GET /_halftone/events`    how many asynchronous events are neither done nor given up
`PUT /_halftone/faults`    a JSON list of operations, or beginnings of them, that functions are refused from now on
`PUT /_halftone/allowance` a JSON list of how many calls more that change something all others may make before each of
                           their calls is denied; empty: any
`PUT /_halftone/waits`     a JSON object: how many milliseconds the calls of functions take at least, by operation
`PUT /_halftone/crowd`     a JSON object: how many objects (0.jpg, ...) each bucket gets at once
"""

import asyncio
import json
import re
import time
from collections import Counter, defaultdict, deque
from typing import Any
from urllib.parse import parse_qsl

from ministack import app
from ministack.core import iam_actions
from ministack.core.router import extract_access_key_id
from ministack.services import s3

from infra.estimate import item_bytes
from localcloud.cloud import ACCESS_KEY
from localcloud.patches.event_identity import under_way

Answer = tuple[int, dict[str, str], bytes]

DOOR = "/_halftone/"
REFUSAL: Answer = (503, {}, b"")
DENIAL: Answer = (403, {}, b"<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>")
"""What nobody tries again; clients of XML services want a body."""
CLIENTS = (ACCESS_KEY, "AKIA")
"""How the access keys of clients begin. Functions have temporary ones, or the account's number."""

NOTICES = 100  # that are kept
READS = re.compile(r"[a-z0-9-]+:(Get|List|Describe|Head|GET$)")
"""Operations that change nothing. To be broken off after one of them is to be broken off before it."""


def open_up() -> None:
    """Stand before every service of this process."""
    dispatch = app._dispatch_service_request  # noqa: SLF001 - the one place that every request to a service passes
    calls: Counter[str] = Counter()
    units: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    users: defaultdict[str, Counter[str]] = defaultdict(Counter)
    notices: deque[dict[str, str]] = deque(maxlen=NOTICES)
    faults: list[str] = []
    allowance: list[int] = []
    waits: dict[str, float] = {}
    crowd: dict[str, int] = {}
    knobs: dict[str, Any] = {"faults": faults, "allowance": allowance, "waits": waits, "crowd": crowd}

    async def dispatch_service_request(
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any], request_id: str
    ) -> Answer:
        if path.startswith(DOOR):
            if method == "PUT":
                _turn(knobs[path.removeprefix(DOOR)], json.loads(body))
                _gather(crowd)
            told = {
                "calls": calls,
                "units": units,
                "refusals": refused.total(),
                "users": users,
                "notices": list(notices),
                "events": under_way(),
                **knobs,
            }
            return 200, {"Content-Type": "application/json"}, json.dumps(told[path.removeprefix(DOOR)]).encode()
        began, least = time.monotonic(), 0.0
        key = extract_access_key_id(headers, query)
        if not key.startswith(CLIENTS):
            operation = _operation(method, path, headers, body, query)
            least = waits.get(operation, 0) / 1000
            calls[operation] += 1
            if operation == "dynamodb:PutItem":
                units["dynamodb:write-unit"] += _write_units(json.loads(body)["Item"])
            if operation.startswith(tuple(faults)):
                refused[operation] += 1
                return REFUSAL
            if operation == "sns:Publish":
                notices.append(dict(parse_qsl(body.decode())))
        else:
            users[key][_action(method, path, headers, body, query)] += 1
            if allowance and not allowance[0]:
                return DENIAL
            if allowance:
                allowance[0] -= not READS.match(_operation(method, path, headers, body, query))
        answer: Answer = await dispatch(method, path, headers, body, query, request_id)
        await asyncio.sleep(began + least - time.monotonic())
        return answer

    app._dispatch_service_request = dispatch_service_request  # noqa: SLF001


def _turn(knob: Any, value: Any) -> None:
    knob.clear()
    (knob.update if isinstance(knob, dict) else knob.extend)(value)


def _gather(crowd: dict[str, int]) -> None:
    for bucket, count in crowd.items():
        for number in range(count):
            s3._put_object(bucket, f"{number}.jpg", b"an object", {})  # noqa: SLF001 - thousands of requests take minutes
    crowd.clear()


def _write_units(item: dict[str, Any]) -> int:
    """Count the units that a put takes: each begun KB is one, and so is each way into and out of the index."""
    return -(-item_bytes(item) // 1024) + 2 * ("unfinished" in item)


def _operation(method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]) -> str:
    """Name an operation by the IAM action that it takes; HEAD, which takes that of GET, by its own name."""
    action = _action(method, path, headers, body, query)
    return "s3:HeadObject" if method == "HEAD" and action.startswith("s3:") else action


def _action(method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]) -> str:
    parameters = app._routing_params(method, path, headers, body, query)  # noqa: SLF001
    service = app.detect_service(method, path, headers, parameters)
    return iam_actions.extract_iam_action(service, method, path, headers, body, parameters) or f"{service}:unknown"
