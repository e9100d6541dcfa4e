"""DynamoDB: one item an image, with the names of the record.

Beside the record the item holds `sequencer`: of the newest S3 change that was dealt with, padded so that DynamoDB's
string order is S3's order (S3 User Guide, "Event message structure": compare as hexadecimal, the shorter one padded
with zeros on the left).
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from chalicelib.aws.clients import client, error_code, raising
from chalicelib.errors import CatalogueUnavailable
from chalicelib.model import Record, Status

_SEQUENCER_DIGITS = 64
_WHAT = "DynamoDB did not take part"


class DynamoCatalogue:
    """`Catalogue` on one DynamoDB table, whose key is `image_id`. Every read is consistent, every write conditional."""

    def __init__(self, table: str) -> None:
        self._table = table

    def get(self, image_id: str) -> Record | None:
        with raising(CatalogueUnavailable, _WHAT):
            response = client("dynamodb").get_item(TableName=self._table, Key=_key(image_id), ConsistentRead=True)
        return _record(response["Item"]) if "Item" in response else None

    def claim(self, record: Record, sequencer: str | None) -> Record | None:
        kept = {"created_at", "variants"}
        condition = (
            "attribute_not_exists(sequencer) OR sequencer < :sequencer OR "
            "(sequencer = :sequencer AND #status = :processing)"
        )
        item = self._update(record, sequencer, condition, kept, {":processing": Status.PROCESSING.value})
        return None if item is None else _record(item)

    def save(self, record: Record, sequencer: str | None) -> bool:
        condition = "attribute_not_exists(sequencer) OR sequencer <= :sequencer"
        return self._update(record, sequencer, condition, {"created_at"}, {}) is not None

    def _update(
        self, record: Record, sequencer: str | None, condition: str, kept: set[str], more: Mapping[str, Any]
    ) -> dict[str, Any] | None:
        """Write a record over what is stored, but for what is `kept`; None when the condition does not hold.

        Without a sequencer there is no order to keep, and no condition.
        """
        fields = msgspec.to_builtins(record)
        del fields["image_id"]
        values = {f":{name}": value for name, value in fields.items()}
        assignments = [
            f"#{name} = if_not_exists(#{name}, :{name})" if name in kept else f"#{name} = :{name}" for name in fields
        ]
        request: dict[str, Any] = {}
        if sequencer is not None:
            values |= {":sequencer": sequencer.rjust(_SEQUENCER_DIGITS, "0").upper(), **more}
            assignments.append("sequencer = :sequencer")
            request["ConditionExpression"] = condition
        try:
            with raising(CatalogueUnavailable, _WHAT):
                response = client("dynamodb").update_item(
                    TableName=self._table,
                    Key=_key(record.image_id),
                    UpdateExpression="SET " + ", ".join(assignments),
                    ExpressionAttributeNames={f"#{name}": name for name in fields},
                    ExpressionAttributeValues={
                        name: TypeSerializer().serialize(value) for name, value in values.items()
                    },
                    ReturnValues="ALL_NEW",
                    **request,
                )
        except CatalogueUnavailable as error:
            if (
                isinstance(error.__cause__, ClientError)
                and error_code(error.__cause__) == "ConditionalCheckFailedException"
            ):
                return None
            raise
        return dict(response["Attributes"])


def _key(image_id: str) -> dict[str, dict[str, str]]:
    return {"image_id": {"S": image_id}}


def _record(item: Mapping[str, Any]) -> Record:
    return msgspec.convert(
        _plain({name: TypeDeserializer().deserialize(value) for name, value in item.items()}), Record
    )


def _plain(value: Any) -> Any:
    """Replace DynamoDB's decimals by whole numbers: a record has no others."""
    if isinstance(value, Decimal):
        return int(value)
    if isinstance(value, dict):
        return {name: _plain(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    return value
