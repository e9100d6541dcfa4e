"""A whole rendering against the picture that libvips makes of the same file (see golden/README.md)."""

from pathlib import Path

from PIL import Image

from chalicelib.imaging.render import render
from chalicelib.model.picture import Format, VariantSpec
from tests.imaging import pictures

GOLDEN = Path(__file__).parent / "golden"


def test_lanczos_with_alpha_is_that_of_libvips():
    """Compared as seen on grey, because colour under little alpha is rounded away; 3 levels at most, 0.5 on average."""
    spec = VariantSpec(name="third", width=32, format=Format.PNG)
    found = pictures.opened(render((GOLDEN / "source.png").read_bytes(), [spec]).variants[0].data)
    expected = pictures.opened((GOLDEN / "libvips-lanczos.png").read_bytes())
    assert found.size == expected.size == (32, 24)
    alpha_gap, _ = pictures.difference(found.getchannel("A"), expected.getchannel("A"))
    assert alpha_gap <= 1
    largest, mean = pictures.difference(*(on_grey(image) for image in (found, expected)))
    assert largest <= 3
    assert mean <= 0.5


def on_grey(image):
    ground = Image.new("RGB", image.size, (128, 128, 128))
    ground.paste(image, mask=image.getchannel("A"))
    return ground
