import doctest

import pytest

from chalicelib import orders
from chalicelib.errors import InvalidRequest
from chalicelib.model.order import ResizeOrder
from chalicelib.model.picture import Effort, Fit, Format, Hdr
from chalicelib.pipelines.keys import variant_key

PLACE = {"bucket": "photos", "key": "a.jpg"}


def test_bucket_and_key_ask_for_the_whole_pipeline():
    assert orders.parse(PLACE) == ResizeOrder(bucket="photos", key="a.jpg")


def test_a_caller_may_want_to_be_told():
    assert (
        orders.parse(PLACE | {"callback_url": "https://hooks.example.com/x"}).callback_url
        == "https://hooks.example.com/x"
    )
    assert orders.parse(PLACE).callback_url is None


def test_variants_by_name():
    assert orders.parse(PLACE | {"variants": ["small", "large"]}).variants == ("small", "large")


def test_an_adhoc_variant_is_named_by_its_parameters():
    order = orders.parse(
        PLACE | {"width": 320, "height": 240, "fit": "cover", "format": "webp", "quality": 70, "dest_key": "x.webp"}
    )
    assert order.ad_hoc is not None
    assert order.ad_hoc.spec.name.startswith("w320-h240-fit-cover-webp-q70-to-")
    assert (order.ad_hoc.spec.fit, order.ad_hoc.spec.format, order.ad_hoc.spec.quality) == (Fit.COVER, Format.WEBP, 70)
    assert (order.ad_hoc.dest_key, order.ad_hoc.dest_bucket) == ("x.webp", None)


def test_an_adhoc_variant_may_aim_at_a_score():
    order = orders.parse(PLACE | {"width": 9, "quality": "auto", "target": 80, "effort": "high"})
    assert order.ad_hoc is not None
    spec = order.ad_hoc.spec
    assert (spec.name, spec.quality, spec.target, spec.effort) == ("w9-qauto-t80-effort-high", "auto", 80, Effort.HIGH)


def test_different_parameters_make_different_names():
    requests = [
        {"width": 10},
        {"height": 10},
        {"width": 10, "format": "png"},
        {"width": 10, "quality": 10},
        {"width": 10, "animated": False},
        {"animated": False},
        {"width": 10, "quality": "auto"},
        {"width": 10, "quality": "auto", "target": 80},
        {"width": 10, "effort": "high"},
        {"width": 10, "dest_key": "a"},
        {"width": 10, "dest_key": "b"},
        {"width": 10, "dest_bucket": "extra"},
    ]
    extras = [orders.parse(PLACE | request).ad_hoc for request in requests]
    assert len({extra.spec.name for extra in extras if extra}) == len(requests)


def test_a_still_is_for_the_asking():
    made = [
        orders.parse(PLACE | {"width": 10} | change).ad_hoc for change in ({}, {"animated": True}, {"animated": False})
    ]
    assert [(each.spec.animated, each.spec.name) for each in made if each] == [
        (True, "w10"),
        (True, "w10"),
        (False, "w10-still"),
    ]


def test_a_caller_may_want_the_gain_map():
    kept = orders.parse(PLACE | {"width": 320, "hdr": "keep"}).ad_hoc
    plain = orders.parse(PLACE | {"width": 320}).ad_hoc
    assert kept is not None
    assert plain is not None
    assert (kept.spec.name, kept.spec.hdr, plain.spec.hdr) == ("w320-hdr-keep", Hdr.KEEP, Hdr.DROP)


@pytest.mark.parametrize(
    ("change", "key"),
    [({"width": 10}, "_/w10/5d41/a.jpg"), ({"width": 10, "format": "webp"}, "_/w10-webp/5d41/a.jpg.webp")],
)
def test_an_ad_hoc_variant_has_a_place_that_is_kept_for_such(change, key):
    ad_hoc = orders.parse(PLACE | change).ad_hoc
    assert ad_hoc is not None
    assert variant_key(ad_hoc.spec, "a.jpg", image_id="", extension="webp", version="5d41") == key
    assert orders.is_ad_hoc_place(key)


@pytest.mark.parametrize("key", ["w10/a.jpg", "_a.jpg", "@_/a.jpg", "a/_/b.jpg", "_"])
def test_no_other_place_is(key):
    assert not orders.is_ad_hoc_place(key)


def test_the_docstrings_say_true():
    assert doctest.testmod(orders).failed == 0


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"bucket": None}, "bucket"),
        ({"bucket": "Not A Bucket"}, "bucket"),
        ({"key": ""}, "key"),
        ({"key": "é" * 600}, "key"),
        ({"key": 7}, "key"),
        ({"width": 0}, "width"),
        ({"width": -5}, "width"),
        ({"width": 10**9}, "width"),
        ({"width": "100"}, "width"),
        ({"width": 1.5}, "width"),
        ({"width": True}, "width"),
        ({"height": 0}, "height"),
        ({"width": 10, "quality": 101}, "quality"),
        ({"width": 10, "quality": "best"}, "quality"),
        ({"width": 10, "quality": "auto", "target": 96}, "target"),
        ({"width": 10, "quality": 80, "target": 80}, "target"),
        ({"target": 80}, "target"),
        ({"width": 10, "effort": "best"}, "effort"),
        ({"width": 10, "format": "tiff"}, "format"),
        ({"width": 10, "fit": "crop"}, "fit"),
        ({"width": 10, "fit": "cover"}, "height"),
        ({"widht": 10}, "widht"),
        ({"variants": []}, "variants"),
        ({"variants": "small"}, "variants"),
        ({"variants": [1]}, "variants[0]"),
        ({"variants": ["small"], "width": 10}, "variants"),
        ({"variants": ["small"], "animated": False}, "variants"),
        ({"animated": 0}, "animated"),
        ({"dest_key": "x"}, "dest_key"),
        ({"callback_url": ""}, "callback_url"),
        ({"callback_url": 7}, "callback_url"),
        ({"callback_url": "http://hooks.example.com/"}, "callback_url"),
        ({"callback_url": "https://169.254.169.254/"}, "callback_url"),
        ({"dest_bucket": "extra"}, "dest_bucket"),
    ],
)
def test_what_is_wrong_is_named(change, field):
    with pytest.raises(InvalidRequest) as caught:
        orders.parse(PLACE | change)
    assert caught.value.field == field
    assert field in str(caught.value)


def test_a_missing_field_is_named():
    with pytest.raises(InvalidRequest) as caught:
        orders.parse({"bucket": "photos"})
    assert caught.value.field == "key"


@pytest.mark.parametrize("document", [None, [], "text", 5])
def test_a_document_that_is_no_object_is_refused(document):
    with pytest.raises(InvalidRequest, match="object"):
        orders.parse(document)


def test_only_a_posted_order_has_a_mode():
    document = {"bucket": "originals", "key": "photo.jpg"}
    assert orders.parse_posted(document) == (orders.parse(document), "sync")
    assert orders.parse_posted(document | {"mode": "async"}) == (orders.parse(document), "async")
    with pytest.raises(InvalidRequest, match="mode"):
        orders.parse_posted(document | {"mode": "later"})
    with pytest.raises(InvalidRequest, match="mode"):
        orders.parse(document | {"mode": "async"})


@pytest.mark.parametrize("change", [{"fit": "x" * 2000}, {"format": "a`b' - at " * 200}, {"y" * 2000: 1}])
def test_what_was_written_is_repeated_in_part(change):
    with pytest.raises(InvalidRequest) as caught:
        orders.parse(PLACE | change)
    assert len(str(caught.value)) < 120
    assert "..." in str(caught.value)
    assert len(caught.value.field or "") <= 50
