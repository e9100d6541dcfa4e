import time

import pytest
from msgspec.structs import replace

from chalicelib.errors import StorageUnavailable
from chalicelib.model.picture import Format, RenderedVariant, VariantSpec
from chalicelib.usecases.entry import Image
from chalicelib.usecases.produce import store

IMAGE = Image("originals", "photo.jpg")
SPEC = VariantSpec(name="small")
RENDERED = RenderedVariant(spec=SPEC, data=b"", format=Format.PNG, content_type="image/png", width=1, height=1)


class SlowStorage:
    """Refuses `bad`, gives no answer to `lost`, and takes its time for the others."""

    def __init__(self):
        self.written = []

    def put(self, place, _data, *, content_type):
        key = place[1]
        if key in ("bad", "lost"):
            raise StorageUnavailable("S3 did not take the variant", in_flight=key == "lost")
        time.sleep(0.05)
        self.written.append((key, content_type))
        return "etag"


def test_variants_come_back_in_their_order(stage):
    halftone = replace(stage.halftone, storage=SlowStorage())
    keys = [str(number) for number in range(25)]
    assert [variant.key for variant in store([(RENDERED, ("variants", key)) for key in keys], IMAGE, halftone)] == keys


def test_nothing_is_being_written_any_more_when_a_failure_is_known(stage):
    halftone = replace(stage.halftone, storage=(storage := SlowStorage()))
    with pytest.raises(StorageUnavailable):
        store([(RENDERED, ("variants", key)) for key in ("bad", "good")], IMAGE, halftone)
    assert storage.written == [("good", "image/png")]


def test_of_several_failures_the_one_counts_that_may_still_take_effect(stage):
    halftone = replace(stage.halftone, storage=SlowStorage())
    with pytest.raises(StorageUnavailable) as caught:
        store([(RENDERED, ("variants", key)) for key in ("bad", "lost", "good")], IMAGE, halftone)
    assert caught.value.in_flight
