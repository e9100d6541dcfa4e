"""What a decoder keeps once it has handed its picture over."""

import pytest

from chalicelib.imaging import decode
from chalicelib.model.picture import Limits
from tests.imaging import pictures


@pytest.mark.parametrize("name", ["AVIF", "WEBP"])
def test_a_decoder_goes_before_its_picture_is_scaled(name):
    """With its own copies of the picture, which may be larger than what is made of it."""
    original = decode.open_original(pictures.file_of(pictures.scenery(40, 30), name), Limits())
    frame = next(decode.decode_frames(original, None, only_first=True))
    assert frame.image.size == (40, 30)
    kept = vars(original.file)
    assert (kept["_decoder"], kept["fp"]) == (None, None)
