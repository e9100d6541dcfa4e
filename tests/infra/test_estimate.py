import tomllib
from pathlib import Path
from typing import Any

import pytest

from infra import roles
from infra.estimate import Measured, PriceMissing, Work, bill, item_bytes
from tests.infra.test_roles import estate

PRICES: dict[str, Any] = {
    "lambda_gb_second": {"x86_64": 0.00002, "arm64": 0.00001},
    "million": {"lambda:request": 0.2, "s3:PutObject": 5.0, "s3:transition": 10.0},
    "gigabyte": {"logs": 0.5, "storage": 0.02, "table": 0.4},
}


def measured(**changes: Any) -> Measured:
    work = Work(memory_mib=2048, invocations=10, billed_seconds=2.0, log_bytes=10_000)
    plain = {"images": 10, "functions": {"on_upload": work}, "counts": {"s3:PutObject": 30}}
    return Measured(**{**plain, **changes})


def dollars(found: Measured, architecture: str = "x86_64") -> dict[str, float]:
    return {item.name: round(item.dollars, 6) for item in bill(found, PRICES, 1_000_000, architecture)}


def test_what_ten_images_took_is_priced_for_a_million() -> None:
    assert dollars(measured()) == {"s3:PutObject": 15.0, "Lambda on_upload": 8.0, "logs": 0.5, "lambda:request": 0.2}
    assert dollars(measured(), "arm64")["Lambda on_upload"] == 4.0


def test_the_dearest_comes_first_and_says_what_would_lower_it() -> None:
    items = bill(measured(), PRICES, 1_000_000)
    assert [item.dollars for item in items] == sorted((item.dollars for item in items), reverse=True)
    assert items[0].lower == "fewer variants in the pipeline"


def test_only_objects_that_s3_moves_are_charged_for_moving() -> None:
    found = dollars(measured(objects=(131_072,) * 10 + (131_071,) * 10))
    assert found["s3:transition"] == 10.0
    assert found["storage"] == round(100_000 * 20 * 131_071.5 / 1e9 * 0.02, 6)


def test_a_call_that_the_table_does_not_know_is_no_free_call() -> None:
    with pytest.raises(PriceMissing, match="rekognition:DetectLabels"):
        bill(measured(counts={"rekognition:DetectLabels": 1}), PRICES, 1)


def test_whatever_a_function_may_call_has_a_price() -> None:
    """A new permission is a new call, and a call without a price would stop `make cost`."""
    table = tomllib.loads(Path(roles.__file__).with_name("prices.toml").read_text())
    policies = roles.policies(estate())
    allowed = {
        action for policy in policies.values() for statement in policy["Statement"] for action in statement["Action"]
    }
    assert {action for action in allowed if not action.startswith("logs:")} <= table["million"].keys()
    assert table["gigabyte"].keys() == {"logs", "storage", "table"}


def test_an_item_is_as_large_as_dynamodb_says() -> None:
    """AWS's own example: a name and a text of their UTF-8 bytes; numbers by two digits a byte; 3 for a list or map."""
    assert item_bytes({"shirt-color": {"S": "R"}, "shirt-size": {"S": "M"}}) == 23
    assert item_bytes({"n": {"N": "12345"}}) == 1 + 4
    assert item_bytes({"m": {"M": {"a": {"S": "b"}}}, "l": {"L": [{"NULL": True}, {"S": "ü"}]}}) == (1 + 3 + 1 + 2) + (
        1 + 3 + 2 + 1 + 2
    )
