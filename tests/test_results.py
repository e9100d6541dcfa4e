import pytest
from msgspec.structs import replace

from chalicelib import orders, results
from chalicelib.errors import BY_CODE
from chalicelib.model.record import Failure, Status
from chalicelib.model.storage import Restoration
from tests.test_notices import SMALL
from tests.usecases.test_transitions import RECORD


def test_a_restoration_is_said_in_words_and_for_each_object():
    done = Restoration(message="manual upload, original restored", bucket="b", key="k", restored_to="r")
    assert results.restore_result([done]) == {
        "message": "manual upload, original restored",
        "objects": [
            {"message": "manual upload, original restored", "bucket": "b", "key": "k", "restored_to": "r"},
        ],
    }
    assert results.restore_result([]) == {"message": "nothing to do", "objects": []}


def test_the_chain_ends_with_the_variants():
    result = results.chain_result(RECORD)
    assert (result["status"], result["image_id"]) == ("SUCCESS", "id")
    assert [variant["key"] for variant in result["variants"]] == [SMALL.key]


@pytest.mark.parametrize("code", ["not_an_original", "replaced", "resources_exceeded", "corrupt_image"])
def test_or_with_the_name_of_the_error_that_is_on_record(code):
    failed = replace(RECORD, status=Status.FAILED, variants=(), error=Failure(code=code, message=""))
    assert results.chain_result(failed) == {"status": "FAILED", "image_id": "id", "Error": BY_CODE[code].__name__}


def test_the_task_says_where_the_variant_is_that_it_was_to_make():
    made = replace(SMALL, name="w7", key="_/w7", width=7)
    task = orders.parse({"bucket": "originals", "key": "photo.jpg", "width": 7})
    result = results.task_result(task, replace(RECORD, variants=(SMALL, made)))
    assert (result["dest_key"], result["width"], len(result["variants"])) == ("_/w7", 7, 2)
