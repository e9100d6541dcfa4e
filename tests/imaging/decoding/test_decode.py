"""How much smaller than the original a picture is decoded, and what its decoder keeps."""

import pytest
from PIL import Image

from chalicelib.imaging.decoding import decode
from chalicelib.model.picture import Limits, Size
from tests.imaging import pictures


@pytest.mark.parametrize("name", ["AVIF", "WEBP"])
def test_a_decoder_goes_before_its_picture_is_scaled(name):
    """With its own copies of the picture, which may be larger than what is made of it."""
    original = decode.open_original(pictures.file_of(pictures.scenery(40, 30), name), Limits())
    frame = next(decode.decode_frames(original, None, only_first=True))
    assert frame.image.size == (40, 30)
    kept = vars(original.file)
    assert (kept["_decoder"], kept["fp"]) == (None, None)


@pytest.mark.parametrize(
    ("side", "shrink", "why"),
    [
        (89, 8, "at 1/8 it is 1.4 times as large"),
        (91, 4, "at 1/8 it would be less"),
        (200, 4, "at 1/4 it is 1.25 times as large"),
        (202, 2, "at 1/4 it would be less"),
        (333, 2, "at 1/2 it is 1.5 times as large"),
        (335, 1, "at 1/2 it would be less"),
        (1000, 1, "as large as it is"),
    ],
)
def test_a_jpeg_is_decoded_no_larger_than_fidelity_asks_for(side, shrink, why):
    original = decode.open_original(pictures.file_of(Image.new("RGB", (1000, 1000)), "JPEG"), Limits())
    (frame,) = decode.decode_frames(original, Size(side, side), only_first=True)
    assert (frame.shrink, frame.image.width) == (shrink, 1000 // shrink), why


@pytest.mark.parametrize("wanted", [Size(40, 10), Size(10, 40)])
def test_the_side_that_needs_more_decides(wanted):
    original = decode.open_original(pictures.file_of(Image.new("RGB", (160, 160)), "JPEG"), Limits())
    (frame,) = decode.decode_frames(original, wanted, only_first=True)
    assert frame.shrink == 2


def test_another_format_is_decoded_whole():
    original = decode.open_original(pictures.file_of(Image.new("RGB", (160, 160)), "PNG"), Limits())
    (frame,) = decode.decode_frames(original, Size(10, 10), only_first=True)
    assert (frame.shrink, frame.image.size) == (1, (160, 160))
