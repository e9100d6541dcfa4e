"""DynamoDB: one item an image, with the names of the record, and beside them those of `Entry`.

The sequencer is stored padded, so that DynamoDB's string order is S3's order (S3 User Guide, "Event message
structure": compare as hexadecimal, the shorter one padded with zeros on the left).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec
from botocore.exceptions import ClientError

from chalicelib.aws.clients import client, error_code, raising
from chalicelib.errors import CatalogueUnavailable
from chalicelib.model.order import AdHoc
from chalicelib.model.record import Record, Status
from chalicelib.usecases.ports import Entry, Location, Newer, Overtaken, Since, Worker

_SEQUENCER_DIGITS = 64
_NEWER = (
    "attribute_not_exists(sequencer) OR sequencer < :sequencer "
    "OR (sequencer = :sequencer AND attribute_exists(digest) AND digest <> :digest)"
)


class DynamoCatalogue:
    """`Catalogue` on one DynamoDB table, whose key is `image_id`. Every read is consistent, every write conditional."""

    def __init__(self, table: str) -> None:
        self._table = table

    def get(self, image_id: str) -> Entry | None:
        with raising(CatalogueUnavailable, "DynamoDB did not answer"):
            response = client("dynamodb").get_item(TableName=self._table, Key=_key(image_id), ConsistentRead=True)
        return _entry(response["Item"]) if "Item" in response else None

    def claim(self, record: Record, grounds: Newer | Since, *, worker: Worker, places: Iterable[Location]) -> Entry:
        values: dict[str, Any] = {":one": 1, ":owner": _text(worker), ":claimants": {_text(worker)}}
        assignments = [*_assignments(record, values, kept={"created_at", "variants"}), "#owner = :owner"]
        condition = _condition(grounds, values)
        if ":sequencer" in values:
            assignments.append("sequencer = :sequencer")
        additions = ["generation :one", "claimants :claimants", *_set("places", _texts(places), values)]
        expression = f"SET {', '.join(assignments)} REMOVE digest ADD {', '.join(additions)}"
        return _entry(self._update(record.image_id, expression, condition, values, answer="ALL_NEW"))

    def extend(self, entry: Entry, *, worker: Worker, places: Iterable[Location]) -> Entry:
        values = {
            ":one": 1,
            ":claimants": {_text(worker)},
            ":generation": entry.generation,
            ":ready": Status.READY.value,
        }
        additions = ["generation :one", "claimants :claimants", *_set("places", _texts(places), values)]
        condition = "generation = :generation AND #status = :ready"
        expression = f"ADD {', '.join(additions)}"
        return _entry(self._update(entry.record.image_id, expression, condition, values, answer="ALL_NEW"))

    def save(
        self,
        entry: Entry,
        record: Record,
        *,
        worker: Worker,
        digest: str,
        extras: Sequence[AdHoc],
        dead: Collection[Worker] = (),
    ) -> None:
        done = {worker, *dead}
        values: dict[str, Any] = {
            ":one": 1,
            ":generation": entry.generation,
            ":digest": digest,
            ":extras": msgspec.json.encode(extras).decode(),
            ":extras_etag": record.etag,
            ":claimants": {_text(claimant) for claimant in done},
        }
        assignments = [
            *_assignments(record, values),
            "digest = :digest",
            "extras = :extras",
            "extras_etag = :extras_etag",
        ]
        if entry.claimants <= done:
            own = {(variant.bucket, variant.key) for variant in record.variants}
            assignments += _set("places", _texts(own), values, "= ")
        expression = f"SET {', '.join(assignments)} ADD generation :one DELETE claimants :claimants"
        if ":places" not in values and entry.claimants <= done:
            expression += " REMOVE places"
        self._update(record.image_id, expression, "generation = :generation", values)

    def disturb(self, entry: Entry, *, worker: Worker) -> None:
        values = {
            ":one": 1,
            ":claimants": {_text(worker)},
            ":generation": entry.generation,
            ":processing": Status.PROCESSING.value,
        }
        condition = "generation = :generation AND #status = :processing"
        self._update(entry.record.image_id, "ADD generation :one DELETE claimants :claimants", condition, values)

    def leave(self, entry: Entry, *, worker: Worker) -> None:
        values = {":claimants": {_text(worker)}}
        self._update(entry.record.image_id, "DELETE claimants :claimants", "attribute_exists(image_id)", values)

    def seal(self, image_id: str, *, delivery: str) -> None:
        values = {":owners": f"{delivery} "}
        try:
            self._update(image_id, "REMOVE #owner", "begins_with(#owner, :owners)", values)
        except Overtaken:
            return

    def _update(
        self, image_id: str, expression: str, condition: str, values: Mapping[str, Any], *, answer: str = "NONE"
    ) -> Mapping[str, Any]:
        """Write when the condition holds, and return the item that `answer` asks for; else raises Overtaken."""
        used = f"{expression} {condition}"
        names = {f"#{name}": name for name in ("status", "owner", *Record.__dataclass_fields__) if f"#{name}" in used}
        request: dict[str, Any] = {"ExpressionAttributeNames": names} if names else {}
        try:
            with raising(CatalogueUnavailable, "DynamoDB did not take the record"):
                response = client("dynamodb").update_item(
                    TableName=self._table,
                    Key=_key(image_id),
                    UpdateExpression=expression,
                    ConditionExpression=condition,
                    ExpressionAttributeValues={name: _typed(value) for name, value in values.items()},
                    ReturnValues=answer,
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                    **request,
                )
        except CatalogueUnavailable as error:
            cause = error.__cause__
            if isinstance(cause, ClientError) and error_code(cause) == "ConditionalCheckFailedException":
                raise self._overtaken(image_id, cause) from None
            raise
        item: Mapping[str, Any] = response.get("Attributes", {})
        return item

    def _overtaken(self, image_id: str, cause: ClientError) -> Overtaken:
        item: Mapping[str, Any] | None = cause.response.get("Item")  # type: ignore[assignment]
        entry = _entry(item) if item else self.get(image_id)
        if entry is None:
            raise CatalogueUnavailable("DynamoDB contradicts itself") from cause
        return Overtaken(entry)


def _assignments(record: Record, values: dict[str, Any], *, kept: Iterable[str] = ()) -> list[str]:
    """Assign every field of a record but its key; what is `kept` only where there is nothing yet."""
    fields = msgspec.to_builtins(record)
    del fields["image_id"]
    values |= {f":{name}": value for name, value in fields.items()}
    return [f"#{name} = if_not_exists(#{name}, :{name})" if name in kept else f"#{name} = :{name}" for name in fields]


def _condition(grounds: Newer | Since, values: dict[str, Any]) -> str:
    if isinstance(grounds, Since):
        if not grounds.generation:
            return "attribute_not_exists(image_id)"
        values[":generation"] = grounds.generation
        return "generation = :generation"
    values[":digest"] = grounds.digest
    values[":sequencer"] = grounds.sequencer.rjust(_SEQUENCER_DIGITS, "0").upper()
    return _NEWER


def _set(name: str, texts: set[str], values: dict[str, Any], operator: str = "") -> list[str]:
    """Write one clause for a string set; DynamoDB has no empty ones, so that there is none for those."""
    if not texts:
        return []
    values[f":{name}"] = texts
    return [f"{name} {operator}:{name}"]


def _texts(places: Iterable[Location]) -> set[str]:
    return {f"{bucket}/{key}" for bucket, key in places}


def _text(worker: Worker) -> str:
    return f"{worker.delivery} {worker.until} {worker.nonce}"


def _worker(text: str) -> Worker:
    delivery, until, nonce = text.rsplit(" ", 2)
    return Worker(delivery, int(until), nonce)


def _key(image_id: str) -> dict[str, dict[str, str]]:
    return {"image_id": {"S": image_id}}


def _entry(item: Mapping[str, Any]) -> Entry:
    plain = {name: _plain(value) for name, value in item.items()}
    places = (place.partition("/") for place in plain.get("places", ()))
    return Entry(
        record=msgspec.convert({name: plain[name] for name in Record.__dataclass_fields__}, Record),
        generation=plain["generation"],
        owner=_worker(plain["owner"]) if "owner" in plain else None,
        sequencer=plain.get("sequencer"),
        claimants=frozenset(map(_worker, plain.get("claimants", ()))),
        places=frozenset((bucket, key) for bucket, _, key in places),
        extras=msgspec.json.decode(plain.get("extras", "[]"), type=tuple[AdHoc, ...]),
        extras_etag=plain.get("extras_etag"),
        digest=plain.get("digest"),
    )


def _typed(value: Any) -> dict[str, Any]:
    """Write a value as DynamoDB does: under the name of its type, and so all that is in it.

    Only for what an entry has. boto3's TypeSerializer, which knows every type, takes three times as long.

    >>> _typed({"width": 640, "exif": {}})
    {'M': {'width': {'N': '640'}, 'exif': {'M': {}}}}
    """
    typed: dict[str, Any]
    match value:
        case str():
            typed = {"S": value}
        case None:
            typed = {"NULL": True}
        case bool():
            typed = {"BOOL": value}
        case int():
            typed = {"N": str(value)}
        case dict():
            typed = {"M": {name: _typed(entry) for name, entry in value.items()}}
        case list() | tuple():
            typed = {"L": [_typed(entry) for entry in value]}
        case set():
            typed = {"SS": list(value)}
        case _:
            raise TypeError(f"an entry has no {type(value).__name__}")
    return typed


def _plain(typed: Mapping[str, Any]) -> Any:
    """Read a value that DynamoDB returns: the reverse of `_typed`."""
    ((kind, value),) = typed.items()
    match kind:
        case "N":
            return int(Decimal(value))  # it may have an exponent
        case "M":
            return {name: _plain(entry) for name, entry in value.items()}
        case "L":
            return [_plain(entry) for entry in value]
        case "SS":
            return set(value)
        case "NULL":
            return None
    return value
