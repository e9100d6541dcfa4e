"""What of an ICC profile reaches the colour engine."""

from PIL import ImageCms

from chalicelib.imaging.colours import icc
from tests.imaging import pictures
from tests.imaging.hostile import profiles as hostile


def test_a_common_profile_is_as_it_was():
    for profile in (
        pictures.rgb_profile(pictures.DISPLAY_P3, 2.2),
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
    ):
        assert icc.usable(profile) == profile


def test_printer_profiles_are_used():
    profile = hostile.lookup(4, 29, b"CMYK")
    assert 4_000_000 < len(profile) < icc.MAX_BYTES
    assert icc.usable(profile) == profile


def test_larger_ones_are_not():
    assert icc.usable(hostile.lookup(4, 35, b"CMYK")) is None
    assert icc.usable(b"") is None
    assert icc.usable(None) is None


def test_multi_process_elements_lose_their_names_and_nothing_else_changes():
    profile = hostile.multi_process(2, 3)
    usable = icc.usable(profile)
    assert usable == profile.replace(b"D2B1", b"d2b1")
    assert b"wtpt" in usable
