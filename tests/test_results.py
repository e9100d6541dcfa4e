from chalicelib import results
from chalicelib.model.storage import Restoration


def test_a_restoration_is_said_in_words_and_for_each_object():
    done = Restoration(message="manual upload, original restored", bucket="b", key="k", restored_to="r")
    assert results.restore_result([done]) == {
        "message": "manual upload, original restored",
        "objects": [
            {"message": "manual upload, original restored", "bucket": "b", "key": "k", "restored_to": "r"},
        ],
    }
    assert results.restore_result([]) == {"message": "nothing to do", "objects": []}
