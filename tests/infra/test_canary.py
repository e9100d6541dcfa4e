import io

import pytest
from PIL import Image

from chalicelib.model.pipeline import Source
from chalicelib.pipelines.keys import is_original
from infra import canary


@pytest.mark.parametrize(
    "source",
    [
        Source(),
        Source(prefix="albums/new/"),
        Source(suffixes=(".heic", ".PNG")),
        Source(suffixes=(".webp",), exclude=("thumbnails/",)),
    ],
)
def test_a_canary_is_an_original_of_the_pipeline(source: Source) -> None:
    found = canary.perch(source)
    assert found is not None
    key, data = found
    assert is_original(source, key)
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == Image.registered_extensions()[key[key.rindex(".") :].lower()]


def test_there_is_none_where_the_pipeline_takes_nothing_that_could_be_one() -> None:
    assert canary.perch(Source(suffixes=(".raw",))) is None
