import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from chalicelib import pipelines
from chalicelib.errors import InvalidRequest
from chalicelib.model.picture import Fit, Format, Limits, Position, VariantSpec
from chalicelib.model.pipeline import Pipeline, Restore, Source
from tests.imaging import pictures


def parsed(text: str, folder: Path = Path()) -> Pipeline:
    return pipelines.parse(tomllib.loads(text), name="mine", folder=folder)


def problems(text: str, folder: Path = Path()) -> list[str]:
    with pytest.raises(pipelines.PipelineError) as caught:
        parsed(text, folder)
    return [line.strip() for line in str(caught.value).splitlines()[1:]]


def test_the_default_pipeline_is_what_the_readme_says():
    pipeline = pipelines.load("default")
    assert [(spec.name, spec.width, spec.height, spec.fit, spec.format, spec.key) for spec in pipeline.variants] == [
        ("thumbnail", 128, 128, Fit.INSIDE, None, "{variant}/{key}"),
        ("medium", 640, None, Fit.INSIDE, None, "{variant}/{key}"),
        ("large", 1280, None, Fit.INSIDE, None, "{variant}/{key}"),
    ]
    assert pipeline.source == Source()


def test_every_shipped_pipeline_loads():
    for file in pipelines.PIPELINES.glob("*.toml"):
        assert pipelines.load(file.stem).variants


def test_the_recipes_are_what_they_replace():
    made = {
        file.stem: [
            (spec.width, spec.height, spec.fit, spec.enlarge, spec.format, spec.bucket, spec.key)
            for spec in pipelines.load(file.stem).variants
        ]
        for file in pipelines.PIPELINES.glob("*.toml")
    }
    del made["default"]
    assert made == {
        "metadata_sized": [(300, 300, Fit.FILL, True, None, "destination", "{name}")],
        "catalogued": [(200, 200, Fit.COVER, True, Format.PNG, "destination", "resized-{key}")],
        "thumbnails": [(128, 128, Fit.INSIDE, False, None, "source", "thumbnails/{key}")],
        "transfer": [(800, 600, Fit.INSIDE, False, None, "destination", "resized/{key}")],
        "workflow": [(128, 128, Fit.INSIDE, False, None, "destination", "{variant}/{key}")],
    }


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
    assert pipelines.is_original(pipelines.load(name).source, key) is expected


def test_only_the_recipe_for_it_takes_instructions_and_restores():
    loaded = [pipelines.load(file.stem) for file in pipelines.PIPELINES.glob("*.toml")]
    assert [pipeline.name for pipeline in loaded if pipeline.source.instructions] == ["metadata_sized"]
    assert [pipeline.name for pipeline in loaded if pipeline.restore] == ["metadata_sized"]


def test_a_file_of_ones_own_is_named_by_its_path(tmp_path):
    logo = pictures.file_of(Image.new("L", (2, 1)), "PNG")
    (tmp_path / "logo.png").write_bytes(logo)
    (tmp_path / "shop.toml").write_text(
        """
        [source]
        prefix = "in/"
        suffixes = [".JPG"]
        [variants.card]
        width = 300
        height = 200
        fit = "cover"
        position = "attention"
        format = "webp"
        quality = 70
        watermark = { image = "logo.png", opacity = 0.5 }
        """
    )
    pipeline = pipelines.load(str(tmp_path / "shop.toml"))
    (card,) = pipeline.variants
    assert pipeline.name == "shop"
    assert (card.fit, card.position, card.format, card.quality) == (Fit.COVER, Position.ATTENTION, Format.WEBP, 70)
    assert card.watermark is not None
    assert (card.watermark.image, card.watermark.opacity) == (logo, 0.5)


def test_an_unknown_name_lists_the_ones_there_are():
    with pytest.raises(pipelines.PipelineError, match="there are catalogued, default, "):
        pipelines.load("nonsense")


def test_text_that_is_no_toml_is_refused(tmp_path):
    (tmp_path / "bad.toml").write_text("[variants")
    with pytest.raises(pipelines.PipelineError, match=r"bad\.toml: not a TOML file"):
        pipelines.load(str(tmp_path / "bad.toml"))


def test_every_problem_is_listed_with_its_place():
    found = problems(
        """
        [extra]
        [source]
        suffix = ".jpg"
        instructions = "yes"
        [variants.small]
        width = 0
        height = "10"
        fit = "crop"
        quality = 101
        background = "white"
        colour = 1
        key = "{size}/{key}"
        [variants.box]
        fit = "cover"
        width = 10
        """
    )
    assert [line.partition(": ")[0] for line in found] == [
        "extra",
        "source.suffix",
        "source.instructions",
        "variants.small.colour",
        "variants.small.width",
        "variants.small.height",
        "variants.small.fit",
        "variants.small.quality",
        "variants.small.background",
        "variants.small.key",
        "variants.box",
    ]
    assert found[2] == "source.instructions: expected true or false, got 'yes'"
    assert found[6] == "variants.small.fit: expected one of inside, outside, cover, contain, fill, got 'crop'"
    assert found[7] == "variants.small.quality: expected a whole number <= 100, got 101"
    assert "needs both width and height" in found[-1]


def test_a_pipeline_without_variants_is_refused():
    assert problems("[source]") == ["variants: expected at least one table such as [variants.thumbnail]"]


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
    ("table", "expected"),
    [
        ('fit = "contain"\nformat = "webp"\nwidth = 5001\nheight = 5000', "25,000,000 pixels in webp, got 25,005,000"),
        ('fit = "fill"\nenlarge = true\nformat = "avif"\nwidth = 8000\nheight = 5001', "35,000,000 pixels in avif"),
        ('fit = "cover"\nenlarge = true\nwidth = 8000\nheight = 6251', "50,000,000 pixels in any format"),
        ('fit = "contain"\nformat = "webp"\nwidth = 5000\nheight = 5000', None),
        ('fit = "fill"\nformat = "webp"\nwidth = 9000\nheight = 9000', None),
        ('fit = "inside"\nenlarge = true\nwidth = 9000\nheight = 9000', None),
    ],
)
def test_a_size_that_can_never_be_encoded_is_refused(table, expected):
    text = f"[variants.a]\n{table}"
    if expected:
        (found,) = problems(text)
        assert found.startswith("variants.a.width: expected at most ")
        assert expected in found
    else:
        assert parsed(text)


@pytest.mark.parametrize(
    ("image", "fields", "expected"),
    [
        (b"no picture", "", "image: logo.png cannot be read: The bytes are no image"),
        (None, "", "image: logo.png cannot be read: No such file"),
        (pictures.file_of(Image.new("L", (9, 9)), "PNG"), 'position = "entropy"', "position: expected one of center, "),
    ],
)
def test_a_watermark_that_cannot_be_laid_over_is_refused(image, fields, expected, tmp_path):
    if image:
        (tmp_path / "logo.png").write_bytes(image)
    (found,) = problems(f'[variants.a.watermark]\nimage = "logo.png"\n{fields}', tmp_path)
    assert expected in found


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
    made = pipelines.variant_key(pipeline.variants[0], key[:200], image_id="", extension="jpg")
    assert not pipelines.is_original(pipeline.source, made)


@pytest.mark.parametrize(
    ("key", "expected"),
    [("a.jpg", True), ("a.JPEG", True), ("a/b.TiFf", True), ("notes.txt", False), ("jpg", False), ("folder/", False)],
)
def test_originals_are_told_by_suffix_in_any_case(key, expected):
    assert pipelines.is_original(Source(), key) is expected


def test_originals_are_told_by_prefix_and_exclusion():
    source = Source(prefix="in/", exclude=("in/out/",))
    assert pipelines.is_original(source, "in/a.jpg")
    assert not pipelines.is_original(source, "a.jpg")
    assert not pipelines.is_original(source, "in/out/a.jpg")


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
    assert pipelines.variant_key(spec, "a/b.c.png", image_id="ID", extension="webp") == expected


def test_a_key_that_looks_like_a_template_is_not_filled_in_twice():
    spec = VariantSpec(name="small")
    assert pipelines.variant_key(spec, "{variant}/{x}.png", image_id="", extension="png") == "small/{variant}/{x}.png"


def test_a_key_longer_than_s3_allows_is_refused():
    with pytest.raises(InvalidRequest, match="1032 bytes"):
        pipelines.variant_key(VariantSpec(name="small"), "é" * 513, image_id="", extension="png")


RESTORING = '[source]\nprefix = "in/"\nexclude = ["in/back/"]\n[variants.small]\nwidth = 1\n[restore]\n'


def test_a_pipeline_may_restore_originals():
    assert parsed("[variants.small]\nwidth = 1").restore is None
    assert parsed(RESTORING + 'from = "in/"\nto = "back/"').restore == Restore(origin="in/", target="back/")
    assert parsed(RESTORING + 'from = ""\nto = "in/back/"').restore == Restore(origin="", target="in/back/")


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("", ["restore.from: expected the beginning", "restore.to: expected the beginning"]),
        ('from = "in/"', ["restore.to: expected the beginning"]),
        ('from = 1\nto = ""\nup = 2', ["restore.up: unknown", "restore.from: ", "restore.to: "]),
        ('from = "a/"\nto = "a/"', ["restore.to: expected another place than restore.from"]),
        ('from = "in/"\nto = "in/new/"', ["restore.to: in/new/ in the source bucket would count as an original"]),
        ('from = "in/"\nto = "/back/"', ["restore.to: expected no / at the beginning"]),
        ('from = "in/"\nto = "i"', ["restore.to: i in the source bucket would count as an original"]),
    ],
)
def test_every_problem_of_a_restore_table_is_listed(table, expected):
    found = problems(RESTORING + table)
    assert len(found) == len(expected)
    for line, beginning in zip(found, expected, strict=True):
        assert line.startswith(beginning)


def test_a_restore_that_is_no_table_is_refused_beside_other_problems():
    assert problems("restore = 1\n[variants.a]\nwidth = 0")[-1] == "restore: expected a table"


@given(st.text(max_size=8), st.text(min_size=1, max_size=8), st.text())
def test_what_is_restored_is_never_an_original(prefix, target, key):
    document = {
        "source": {"prefix": prefix, "exclude": ["t/"]},
        "variants": {"a": {"width": 1}},
        "restore": {"from": "archive/", "to": target},
    }
    try:
        pipeline = pipelines.parse(document, name="mine", folder=Path())
    except pipelines.PipelineError:
        return
    assert not pipelines.is_original(pipeline.source, target + key + ".jpg")


def test_a_digest_tells_pipelines_apart():
    one, same, other = (parsed(f"[variants.a]\nwidth = {width}") for width in (10, 10, 11))
    assert pipelines.digest(one, Limits()) == pipelines.digest(same, Limits())
    assert pipelines.digest(one, Limits()) != pipelines.digest(other, Limits())
    assert pipelines.digest(one, Limits()) != pipelines.digest(one, Limits(max_pixels=1))


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
    assert pipelines.could_be(VariantSpec(name="small", key=template), key) is expected


@given(st.text(min_size=1, max_size=50), st.sampled_from(["{variant}/{key}", "{path}/{stem}.{ext}", "{name}"]))
def test_every_variant_key_could_be_one(key, template):
    spec = VariantSpec(name="small", key=template)
    assert pipelines.could_be(spec, pipelines.variant_key(spec, key, image_id="", extension="jpg"))
