"""Stills decoded by libwebp itself: the same pixels as Pillow's, with less memory."""

import io
import subprocess
import sys

import pytest
from PIL import Image

from chalicelib.errors import CorruptImage
from chalicelib.imaging.decoding.webp import WebPFile
from chalicelib.imaging.render import render
from chalicelib.model.picture import Format, VariantSpec
from tests.imaging import pictures

PEAK = """
import sys
from chalicelib.imaging.decoding.webp import WebPFile

def kib(field):
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(field))

file = open(sys.argv[1], "rb")
before = kib("VmRSS")
WebPFile(file).load()
print(1024 * (kib("VmHWM") - before))
"""


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("options", [{"quality": 80}, {"lossless": True}])
def test_a_still_has_the_pixels_that_pillow_sees(mode, options):
    data = pictures.file_of(pictures.scenery(61, 43, mode), "WEBP", **options)
    still, expected = WebPFile(io.BytesIO(data)), pictures.opened(data)
    still.load()
    assert (still.mode, still.size) == (expected.mode, expected.size)
    assert still.tobytes() == expected.tobytes()


def test_every_frame_of_a_moving_picture_is_seen():
    frames = [Image.new("RGB", (32, 32), colour) for colour in (pictures.RED, pictures.GREEN, pictures.BLUE)]
    data = pictures.file_of(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    made = render(data, [VariantSpec(name="a", format=Format.WEBP, lossless=True)]).variants[0].data
    moving = Image.open(io.BytesIO(made))
    seen = []
    for index in range(moving.n_frames):
        moving.seek(index)
        seen.append(moving.convert("RGB").getpixel((5, 5)))
    assert seen == [pictures.RED, pictures.GREEN, pictures.BLUE]


@pytest.mark.parametrize("options", [{"quality": 80}, {"lossless": True}])
def test_a_still_whose_data_end_early_is_damaged(options):
    data = pictures.file_of(pictures.photograph(160, 120), "WEBP", **options)
    cut = data[: len(data) // 2]
    whole_by_its_own_account = cut[:4] + (len(cut) - 8).to_bytes(4, "little") + cut[8:]
    for damaged in (cut, whole_by_its_own_account):
        with pytest.raises(CorruptImage):
            render(damaged, [VariantSpec(name="a", width=50)])


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_a_still_takes_less_than_twelve_bytes_a_pixel(tmp_path):
    """Pillow's own way takes sixteen."""
    file = tmp_path / "white.webp"
    Image.new("RGB", (4000, 3000), "white").save(file, "WEBP", lossless=True, method=0)
    done = subprocess.run([sys.executable, "-c", PEAK, str(file)], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 12 * 4000 * 3000
