"""What the functions answer to AWS: to S3, to Step Functions, and to the next step of the chain."""

from collections.abc import Sequence
from typing import Any

import msgspec

from chalicelib.errors import BY_CODE
from chalicelib.model.order import ResizeOrder
from chalicelib.model.record import Record
from chalicelib.model.storage import Restoration
from chalicelib.usecases.chain import Step


def restore_result(restorations: Sequence[Restoration]) -> dict[str, Any]:
    """Say what the restore guard did: in words (S3 sends one object at a time), and for each object."""
    words = dict.fromkeys(restoration.message for restoration in restorations)
    return {"message": "; ".join(words) or "nothing to do", "objects": msgspec.to_builtins(restorations)}


def resize_result(step: Step) -> dict[str, Any]:
    """Hand on what the chain has written for an image and not saved yet."""
    document: dict[str, Any] = msgspec.to_builtins(step)
    return document


def store_result(record: Record | None) -> dict[str, Any]:
    """Hand on the record that the chain has saved; None where there is nothing to notify of."""
    return {"record": msgspec.to_builtins(record)}


def chain_result(record: Record) -> dict[str, Any]:
    """Say how the chain ended: with SUCCESS, or with the name of the error that is on record."""
    if record.error:
        return {"status": "FAILED", "image_id": record.image_id, "Error": BY_CODE[record.error.code].__name__}
    return {"status": "SUCCESS", "image_id": record.image_id, "variants": msgspec.to_builtins(record.variants)}


def task_result(order: ResizeOrder, record: Record) -> dict[str, Any]:
    """Say what the resize task made; of several variants, `dest_key` and the sides are those of the first."""
    wanted = order.ad_hoc.spec.name if order.ad_hoc else next(iter(order.variants or [record.variants[0].name]))
    made = next(variant for variant in record.variants if variant.name == wanted)
    return {
        "status": "SUCCESS",
        "image_id": record.image_id,
        "source_bucket": record.bucket,
        "source_key": record.key,
        "dest_bucket": made.bucket,
        "dest_key": made.key,
        "width": made.width,
        "height": made.height,
        "variants": msgspec.to_builtins(record.variants),
    }
