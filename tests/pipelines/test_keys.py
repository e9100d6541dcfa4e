import doctest
from contextlib import suppress
from itertools import permutations, product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.errors import InvalidRequest
from chalicelib.identity import image_id
from chalicelib.model.picture import Format, VariantSpec
from chalicelib.model.pipeline import Source
from chalicelib.pipelines import keys, loading
from tests.pipelines.written import parsed, problems

ORIGINALS = ["".join(key) for length in range(1, 5) for key in product("a_./", repeat=length)]
"""Every key of an alphabet, as uploads may have it."""

PIECES = ["{key}", "{path}", "{name}", "{stem}", "{image_id}", "{ext}", "{variant}", "a", ".", "/", "_"]
TEMPLATES = st.lists(st.sampled_from(PIECES), min_size=1, max_size=6).map("".join)


def accepted(*templates, **fields):
    """The specs that have these templates, or none of them where the pipeline is refused."""
    variants = {name: {"key": template} for name, template in zip("ab", templates, strict=False)}
    with suppress(loading.PipelineError):
        return loading.parse({"variants": variants, **fields}, name="mine", folder=Path()).variants
    return ()


def places(spec):
    """Where the variants of all originals are, in two of the formats; whose each of them is."""
    return {
        (original, output): keys.variant_key(
            spec, keys.named(original), image_id=image_id("photos", original), extension=keys.extension(output)
        )
        for original in ORIGINALS
        for output in (Format.JPEG, Format.WEBP)
    }


def test_the_docstrings_say_true():
    assert doctest.testmod(keys).failed == 0


@pytest.mark.parametrize(
    ("name", "key", "expected"),
    [
        ("metadata_sized", "source-folder/a/b.JPG", True),
        ("metadata_sized", "source-folder/a.webp", False),
        ("metadata_sized", "restore-folder/a.jpg", False),
        ("metadata_sized", "a.jpg", False),
        ("thumbnails", "a/thumbnails/b.jpg", True),
        ("thumbnails", "thumbnails/a.jpg", False),
        ("workflow", "a.jpg", False),
    ],
)
def test_what_the_recipes_take_for_originals(name, key, expected):
    assert keys.is_original(loading.load(name).source, key) is expected


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("fixed.jpg", "expected one of {image_id}, {key}, {name}, {path}, {stem}, or all originals would share it"),
        ("{variant}.{ext}", "expected one of {image_id}, {key}, {name}, {path}, {stem}, or all originals"),
        ("{key", "expected braces around the names of fields only"),
        ("{{key}}", "expected braces around"),
        ("{ key }/{key}", "expected braces around"),
        ("{size}/{key}", "unknown field {size}"),
        ("/{key}", "expected no / at the beginning"),
        ("@{key}", "expected no @ at the beginning"),
        ("_/{key}", "could begin with _/, where ad hoc variants go"),
        ("{path}/_/{key}", "could begin with _/"),
        ("{stem}/{key}", "could begin with _/"),
        ("{path}/{stem}/{key}", "could begin with _/"),
        ("{version}/{key}", "unknown field {version}"),
    ],
)
def test_a_key_that_does_not_say_where_is_refused(key, expected):
    (found,) = problems(f'[variants.a]\nkey = "{key}"\n[variants.b]')
    assert found.startswith(f"variants.a.key: {expected}")


@pytest.mark.parametrize(
    ("template", "pair"),
    [
        ("{stem}.{ext}", "alice/me.jpg and bob/me.jpg"),
        ("cards/{name}", "alice/me.jpg and bob/me.jpg"),
        ("{path}/{stem}.{ext}", "me.jpg and me.jpeg"),
        ("{path}/small.{ext}", "alice/me.jpg and alice/you.jpg"),
        ("{path}{name}", "a/bc.jpg and ab/c.jpg"),
    ],
)
def test_a_key_that_two_originals_may_share_is_refused_with_an_example(template, pair):
    text = f'[variants.a]\nkey = "{template}"'
    assert problems(text) == [
        f"variants.a.key: {template} gives two originals one place ({pair}); use {{key}}, or say shared_keys = true"
    ]
    assert parsed(f"shared_keys = true\n{text}").shared_keys


@pytest.mark.parametrize("template", ["{path}-{name}", "{path}/{name}{stem}", "{key}{name}", "{path}/{name}/{key}"])
def test_a_key_that_may_not_tell_originals_apart_is_refused(template):
    (found,) = problems(f'[variants.a]\nkey = "x/{template}"')
    assert found.startswith(
        f"variants.a.key: x/{template} may give two originals one place; use no field of the original but {{key}}"
    )


@pytest.mark.parametrize(
    "template",
    [
        "{key}",
        "{variant}/{key}.{ext}",
        "{image_id}/{stem}.{ext}",
        "{path}/{variant}/{name}",
        "{variant}/{path}/{name}.{ext}",
        "{path}/{ext}/{variant}-{name}",
        "x/{path}/{stem}/{name}",
        "{key}/{stem}.{ext}",
        "a{name}/{path}",
        "{path}/{name}/{variant}.{ext}",
    ],
)
def test_a_key_that_tells_originals_apart_is_taken(template):
    assert accepted(template)


@given(TEMPLATES)
def test_what_is_taken_never_gives_two_originals_one_place(template):
    for spec in accepted(template):
        made = places(spec)
        whose = {}
        for (original, _), place in made.items():
            assert whose.setdefault(place, original) == original
            assert not place.startswith(("/", "_/"))


@pytest.mark.parametrize(
    ("one", "other", "formats", "meet"),
    [
        ("{key}", "{key}", ("same", "same"), True),
        ("{key}", "thumb/{key}", ("same", "same"), True),
        ("big/{key}", "thumb/{key}", ("same", "same"), False),
        ("{variant}/{key}", "{variant}/{key}", ("same", "same"), False),
        ("{variant}-{key}", "a-b/{key}", ("same", "same"), True),
        ("{name}", "{stem}.{ext}", ("same", "same"), True),
        ("{name}", "{stem}.{ext}", ("same", "avif"), True),
        ("{name}", "thumb/{name}", ("same", "same"), False),
        ("x/{key}", "x/{path}/{name}", ("same", "same"), True),
        ("x/{key}", "{variant}/{key}", ("same", "same"), False),
        ("{path}/{name}", "{name}", ("same", "same"), True),
        ("{path}/x/{name}", "x/{name}", ("same", "same"), True),
        ("{path}/x/{name}", "{path}/y/{name}", ("same", "same"), False),
        ("{key}.{ext}", "{key}.{ext}", ("jpeg", "webp"), False),
        ("{key}.{ext}", "{key}.{ext}", ("same", "webp"), True),
        ("{key}.{ext}", "{key}.jpg", ("webp", "webp"), False),
        ("{key}.{ext}", "{key}.jpg", ("jpeg", "webp"), True),
        ("{key}.{ext}", "{key}.tiff", ("same", "same"), False),
        ("{image_id}/{stem}", "{image_id}/{name}", ("same", "same"), True),
    ],
)
@pytest.mark.parametrize("shared", ["true", "false"])
def test_variants_that_could_overwrite_each_other_are_refused(one, other, formats, meet, shared):
    text = f"""
        shared_keys = {shared}
        [variants.a]
        key = "{one}"
        format = "{formats[0]}"
        [variants.b]
        key = "{other}"
        format = "{formats[1]}"
        """
    expected = f"variants.b.key: {other} and {one} of variants.a have places in common; begin both with {{variant}}/"
    if meet:
        assert expected in problems(text)
    elif shared == "true":
        assert parsed(text)


def test_variants_of_different_buckets_do_not_meet():
    other = '[variants.b]\nkey = "out/{key}"\n[source]\nprefix = "in/"'
    assert parsed(f'[variants.a]\nkey = "out/{{key}}"\nbucket = "source"\n{other}')
    assert len(problems(f'[variants.a]\nkey = "out/{{key}}"\n{other}')) == 1


def test_variants_whose_formats_the_uploader_may_set_are_told_apart_without_them():
    text = """
        [source]
        instructions = {instructions}
        [variants.a]
        key = "{{key}}.{{ext}}"
        format = "jpeg"
        [variants.b]
        key = "{{key}}.{{ext}}"
        format = "webp"
        """
    assert parsed(text.format(instructions="false"))
    (found,) = problems(text.format(instructions="true"))
    assert "have places in common" in found


@given(TEMPLATES, TEMPLATES, st.booleans())
def test_what_is_taken_never_gives_two_variants_one_place(one, other, shared):
    if specs := accepted(one, other, shared_keys=shared):
        first, second = ({*places(spec).values()} for spec in specs)
        assert first.isdisjoint(second)


def test_no_extension_begins_or_ends_with_another():
    for one, other in permutations(map(keys.extension, Format), 2):
        assert not one.startswith(other)
        assert not one.endswith(other)


@pytest.mark.parametrize(
    ("key", "bucket", "expected"),
    [
        ("a/b.jpg", None, "a/b.jpg"),
        ("/b.jpg", None, "@/b.jpg"),
        ("@partner/b.jpg", None, "@@partner/b.jpg"),
        ("_/w100/1/b.jpg", None, "@_/w100/1/b.jpg"),
        ("_", None, "@_"),
        ("_b.jpg", None, "_b.jpg"),
        ("b.jpg", "partner", "@partner/b.jpg"),
        ("/b.jpg", "partner", "@partner//b.jpg"),
    ],
)
def test_what_originals_are_called(key, bucket, expected):
    assert keys.named(key, bucket=bucket) == expected


SOURCES = st.tuples(st.text("a@_/", min_size=1, max_size=8), st.sampled_from([None, "aaa", "aaa.a"]))


@given(SOURCES, SOURCES)
def test_no_two_originals_are_called_the_same(one, other):
    names = [keys.named(key, bucket=bucket) for key, bucket in (one, other)]
    assert (names[0] == names[1]) is (one == other)
    assert not f"{names[0]}/".startswith(("/", "_/"))


@pytest.mark.parametrize(
    ("source", "key", "fine"),
    [
        ("", "thumbnails/{key}", False),
        ('exclude = ["thumbnails/"]', "thumbnails/{key}", True),
        ('exclude = ["thumbnails/"]', "{variant}/{key}", False),
        ('prefix = "in/"', "out/{key}", True),
        ('prefix = "in/"', "in/small/{key}", False),
        ('prefix = "in/"', "i{key}", False),
        ('prefix = "in/"', "out/in/{key}", True),
    ],
)
def test_a_pipeline_that_could_trigger_itself_is_refused(source, key, fine):
    text = f'[source]\n{source}\n[variants.small]\nbucket = "source"\nkey = "{key}"'
    if fine:
        assert parsed(text)
    else:
        assert "would trigger itself" in problems(text)[0]


@given(st.text(), st.sampled_from(["in/", ""]))
def test_what_the_check_lets_through_is_never_an_original(key, prefix):
    pipeline = parsed(
        f'[source]\nprefix = "{prefix}"\nexclude = ["in/t/"]\n[variants.a]\nbucket = "source"\nkey = "in/t/{{key}}"'
    )
    made = keys.variant_key(pipeline.variants[0], key[:200], image_id="", extension="jpg")
    assert not keys.is_original(pipeline.source, made)


@pytest.mark.parametrize(
    ("key", "expected"),
    [("a.jpg", True), ("a.JPEG", True), ("a/b.TiFf", True), ("notes.txt", False), ("jpg", False), ("folder/", False)],
)
def test_originals_are_told_by_suffix_in_any_case(key, expected):
    assert keys.is_original(Source(), key) is expected


def test_originals_are_told_by_prefix_and_exclusion():
    source = Source(prefix="in/", exclude=("in/out/",))
    assert keys.is_original(source, "in/a.jpg")
    assert not keys.is_original(source, "a.jpg")
    assert not keys.is_original(source, "in/out/a.jpg")


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{variant}/{key}", "small/a/b.c.png"),
        ("{path}/{stem}-{variant}.{ext}", "a/b.c-small.webp"),
        ("{image_id}/{name}", "ID/b.c.png"),
    ],
)
def test_key_templates(template, expected):
    spec = VariantSpec(name="small", key=template)
    assert keys.variant_key(spec, "a/b.c.png", image_id="ID", extension="webp") == expected


def test_an_ad_hoc_variant_has_the_version_in_its_key():
    spec = VariantSpec(name="w9", key="_/{variant}/{version}/{key}")
    assert keys.variant_key(spec, "a.png", image_id="", extension="png", version="v1") == "_/w9/v1/a.png"


def test_a_key_that_looks_like_a_template_is_not_filled_in_twice():
    spec = VariantSpec(name="small")
    assert keys.variant_key(spec, "{variant}/{x}.png", image_id="", extension="png") == "small/{variant}/{x}.png"


def test_a_key_longer_than_s3_allows_is_refused():
    with pytest.raises(InvalidRequest, match="1032 bytes"):
        keys.variant_key(VariantSpec(name="small"), "é" * 513, image_id="", extension="png")


@pytest.mark.parametrize(
    ("template", "key", "expected"),
    [
        ("{variant}/{key}", "small/a/b.jpg", True),
        ("{variant}/{key}", "large/a.jpg", False),
        ("{path}/{stem}-small.{ext}", "a/b-small.webp", True),
        ("{path}/{stem}-small.{ext}", "a/b-large.webp", False),
        ("s.{key}", "sx", False),
        ("{name}", "line\nbreak", True),
        ("{name}", "cards/photo.jpg", False),
        ("{variant}-{stem}.{ext}", "small-a.b.jpg", True),
        ("{variant}-{stem}.{ext}", "small-a/b.jpg", False),
        ("{image_id}/{name}", "0/1.jpg", True),
        ("{image_id}/{name}", "0/1/2.jpg", False),
        ("x/{path}/{name}", "x/a/b/c.jpg", True),
        ("{path}//{name}", "c.jpg", True),
        ("{path}/x/{name}", "x/c.jpg", True),
        ("{path}/x/{name}", "y/c.jpg", False),
    ],
)
def test_which_keys_could_be_variants(template, key, expected):
    assert keys.could_be(VariantSpec(name="small", key=template), key) is expected


@given(st.text("a_./@\n", min_size=1, max_size=50), TEMPLATES.filter(lambda template: template[0] != "/"))
def test_every_variant_key_could_be_one(key, template):
    spec = VariantSpec(name="small", key=template)
    assert keys.could_be(spec, keys.variant_key(spec, keys.named(key), image_id="id", extension="jpg"))
