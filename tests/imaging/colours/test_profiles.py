"""What of an ICC profile reaches the colour engine."""

from PIL import ImageCms

from chalicelib.imaging.colours import profiles
from tests.imaging import pictures
from tests.imaging.hostile import profiles as hostile


def test_a_common_profile_is_as_it_was():
    for profile in (
        pictures.rgb_profile(pictures.DISPLAY_P3, 2.2),
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
    ):
        assert profiles.usable(profile) == profile


def test_printer_profiles_are_used():
    profile = hostile.lookup(4, 29, b"CMYK")
    assert 4_000_000 < len(profile) < profiles.MAX_BYTES
    assert profiles.usable(profile) == profile


def test_larger_ones_are_not():
    assert profiles.usable(hostile.lookup(4, 35, b"CMYK")) is None
    assert profiles.usable(b"") is None
    assert profiles.usable(None) is None


def test_multi_process_elements_lose_their_names_and_nothing_else_changes():
    profile = hostile.multi_process(2, 3)
    usable = profiles.usable(profile)
    assert usable == profile.replace(b"D2B1", b"d2b1")
    assert b"wtpt" in usable
