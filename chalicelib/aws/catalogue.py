"""DynamoDB: one item an image, with the names of the record, and beside them those of `Entry`.

Every read is consistent, and every write replaces the item it was made from or none: its condition is the revision.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import msgspec
from botocore.exceptions import ClientError

from chalicelib.aws.clients import client, error_code, raising
from chalicelib.errors import CatalogueUnavailable
from chalicelib.model.record import Record
from chalicelib.usecases.entry import Asked, Entry, Image
from chalicelib.usecases.ports import Conflict

INDEX = "unfinished"
"""The index of what the sweep has to look at: sparse, and by the first digit of the image id, so that many uploads at
once do not meet in one partition."""


class DynamoCatalogue:
    """`Catalogue` on one DynamoDB table, whose key is `image_id`."""

    def __init__(self, table: str) -> None:
        self._table = table

    def get(self, image_id: str) -> Entry | None:
        with raising(CatalogueUnavailable, "DynamoDB did not answer"):
            response = client("dynamodb").get_item(
                TableName=self._table, Key={"image_id": {"S": image_id}}, ConsistentRead=True
            )
        return _entry(response["Item"]) if "Item" in response else None

    def put(self, entry: Entry) -> Entry:
        written = replace(entry, revision=entry.revision + 1)
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(image_id)"}
        if entry.revision:
            condition = {
                "ConditionExpression": "revision = :revision",
                "ExpressionAttributeValues": {":revision": {"N": str(entry.revision)}},
            }
        try:
            with raising(CatalogueUnavailable, "DynamoDB did not take the record"):
                client("dynamodb").put_item(
                    TableName=self._table,
                    Item=_item(written),
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                    **condition,
                )
        except CatalogueUnavailable as error:
            cause = error.__cause__
            if not isinstance(cause, ClientError) or error_code(cause) != "ConditionalCheckFailedException":
                raise
            stands = self._standing(entry, cause)
            if stands != written:  # else botocore wrote it twice, because the first answer was lost
                raise Conflict(stands) from None
        return written

    def unfinished(self, before: int) -> Iterator[Image]:
        for digit in "0123456789abcdef":
            pages = (
                client("dynamodb")
                .get_paginator("query")
                .paginate(
                    TableName=self._table,
                    IndexName=INDEX,
                    KeyConditionExpression="unfinished = :digit AND due <= :before",
                    ExpressionAttributeValues={":digit": {"S": digit}, ":before": {"N": str(before)}},
                )
            )
            with raising(CatalogueUnavailable, "DynamoDB did not answer"):
                for page in pages:
                    yield from (Image(item["bucket"]["S"], item["key"]["S"]) for item in page["Items"])

    def _standing(self, entry: Entry, cause: ClientError) -> Entry:
        item: Mapping[str, Any] | None = cause.response.get("Item")  # type: ignore[assignment]
        stands = _entry(item) if item else self.get(entry.record.image_id)
        if stands is None:
            raise CatalogueUnavailable("DynamoDB contradicts itself") from cause
        return stands


def _item(entry: Entry) -> dict[str, Any]:
    """Write an entry as an item; what has its default is left out, but for the record's own fields."""
    document = msgspec.to_builtins(entry)
    attributes = msgspec.to_builtins(entry.shown)
    attributes["error"] = document["record"]["error"]
    if entry.lease:
        attributes["settled_status"] = document["record"]["status"]
    if entry.due is not None:
        attributes["unfinished"] = entry.record.image_id[0]
    document["ad_hoc"] = msgspec.json.encode(document["ad_hoc"]).decode() if document["ad_hoc"] else None
    attributes |= {name: value for name, value in document.items() if name != "record" and value}
    return {name: _typed(value) for name, value in attributes.items()}


def _entry(item: Mapping[str, Any]) -> Entry:
    plain = {name: _plain(value) for name, value in item.items()}
    if "settled_status" in plain:
        plain["status"] = plain["settled_status"]
    plain["record"] = msgspec.convert(plain, Record)
    plain["ad_hoc"] = msgspec.json.decode(plain.get("ad_hoc", "[]"), type=tuple[Asked, ...])
    return msgspec.convert(plain, Entry, from_attributes=True)


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
        case "NULL":
            return None
    return value
