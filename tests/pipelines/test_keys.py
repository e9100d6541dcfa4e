import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.errors import InvalidRequest
from chalicelib.model.picture import VariantSpec
from chalicelib.model.pipeline import Source
from chalicelib.pipelines import keys, loading
from tests.pipelines.written import parsed, problems


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


def test_variants_that_would_overwrite_each_other_are_refused():
    found = problems('[variants.a]\nkey = "{key}"\n[variants.b]\nkey = "{key}"')
    assert found == ["variants.b.key: the same key as variants.a; put {variant} in both"]


@pytest.mark.parametrize(
    ("one", "other", "formats", "meet"),
    [
        ("{name}", "{stem}.{ext}", ("same", "same"), True),
        ("{name}", "{stem}.{ext}", ("same", "avif"), True),
        ("{name}", "{stem}.{ext}", ("same", "jpeg"), True),
        ("x/{key}", "x/{path}/{name}", ("same", "same"), True),
        ("x/{key}", "{variant}/{key}", ("same", "same"), False),
        ("{key}", "{path}/{name}", ("same", "same"), True),
        ("{stem}.{ext}", "{stem}.{ext}", ("jpeg", "webp"), False),
        ("{stem}.{ext}", "{stem}.{ext}", ("same", "webp"), True),
        ("{stem}.{ext}", "{stem}.jpg", ("webp", "webp"), False),
        ("{image_id}/{stem}", "{image_id}/{name}", ("same", "same"), False),
    ],
)
def test_variants_are_told_apart_by_the_keys_of_samples(one, other, formats, meet):
    text = f"""
        [variants.a]
        key = "{one}"
        format = "{formats[0]}"
        [variants.b]
        key = "{other}"
        format = "{formats[1]}"
        """
    if meet:
        assert problems(text) == ["variants.b.key: the same key as variants.a; put {variant} in both"]
    else:
        assert parsed(text)


def test_variants_whose_formats_the_uploader_may_set_are_told_apart_without_them():
    text = """
        [source]
        instructions = {instructions}
        [variants.a]
        key = "{{stem}}.{{ext}}"
        format = "jpeg"
        [variants.b]
        key = "{{stem}}.{{ext}}"
        format = "webp"
        """
    assert parsed(text.format(instructions="false"))
    assert problems(text.format(instructions="true")) == [
        "variants.b.key: the same key as variants.a; put {variant} in both"
    ]


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
    ],
)
def test_a_key_that_does_not_say_where_is_refused(key, expected):
    (found,) = problems(f'[variants.a]\nkey = "{key}"\n[variants.b]')
    assert found.startswith(f"variants.a.key: {expected}")


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
    ],
)
def test_which_keys_could_be_variants(template, key, expected):
    assert keys.could_be(VariantSpec(name="small", key=template), key) is expected


@given(st.text(min_size=1, max_size=50), st.sampled_from(["{variant}/{key}", "{path}/{stem}.{ext}", "{name}"]))
def test_every_variant_key_could_be_one(key, template):
    spec = VariantSpec(name="small", key=template)
    assert keys.could_be(spec, keys.variant_key(spec, key, image_id="", extension="jpg"))
