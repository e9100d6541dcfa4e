"""DynamoDB: one item an image, with the names of the record, and beside them those of `Entry`.

Every read is consistent, and every write replaces the item it was made from or none: its condition is the revision.
"""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

import msgspec
from botocore.exceptions import ClientError
from msgspec.structs import replace

from chalicelib.aws.clients import client, error_code, raising
from chalicelib.errors import CatalogueUnavailable
from chalicelib.model.record import Record
from chalicelib.usecases.entry import Asked, Entry, Image

INDEX = "unfinished"
"""The index of what the sweep has to look at: sparse, and by the first digit of the image id, so that many uploads at
once do not meet in one partition."""


DIGITS = "0123456789abcdef"


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

    def change(self, entry: Entry, transition: Callable[[Entry], Entry]) -> Entry:
        while (wanted := transition(entry)) is not entry:
            entry = self.put(wanted)
            if entry == replace(wanted, revision=wanted.revision + 1):
                break
        return entry

    def put(self, entry: Entry) -> Entry:
        """Write an entry over the one it was made from, and return what stands there then.

        That is the entry at its next revision, or what somebody else wrote since it was read.
        """
        written = replace(entry, revision=entry.revision + 1)
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(image_id)"}
        if entry.revision:
            condition = {
                "ConditionExpression": "revision = :revision",
                "ExpressionAttributeValues": {":revision": {"N": str(entry.revision)}},
            }
        with raising(CatalogueUnavailable, "DynamoDB did not take the record"):
            try:
                client("dynamodb").put_item(
                    TableName=self._table,
                    Item=_item(written),
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                    **condition,
                )
            except ClientError as error:
                if error_code(error) != "ConditionalCheckFailedException":
                    raise
                item: Mapping[str, Any] | None = error.response.get("Item")  # type: ignore[assignment]
                stands = _entry(item) if item else self.get(written.record.image_id)
            else:
                return written
        if stands is None:
            raise CatalogueUnavailable("DynamoDB contradicts itself")
        return stands

    def unfinished(self, before: int) -> Iterator[Image]:
        first = before // 60 % len(DIGITS)  # another one each time, so that a backlog does not starve the last ones
        for digit in DIGITS[first:] + DIGITS[:first]:
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


def _item(entry: Entry) -> dict[str, Any]:
    """Write an entry as an item; what has its default is left out, but for the record's own fields."""
    document = msgspec.to_builtins(entry)
    attributes = msgspec.to_builtins(entry.shown)
    attributes["error"] = document["record"]["error"]
    if entry.lease:
        attributes["settled_status"] = document["record"]["status"]
    if entry.due is not None:
        attributes |= {"unfinished": entry.record.image_id[0], "due": entry.due}
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
