from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from chalicelib.model.picture import Effort, Fit, Format, Hdr, Limits, Position
from chalicelib.model.pipeline import Pipeline, Restore, Source
from chalicelib.pipelines import keys, loading
from tests.imaging import pictures
from tests.pipelines.written import parsed, problems


def test_the_default_pipeline_is_what_the_readme_says():
    pipeline = loading.load("default")
    assert [(spec.name, spec.width, spec.height, spec.fit, spec.format, spec.key) for spec in pipeline.variants] == [
        ("thumbnail", 128, 128, Fit.INSIDE, None, "{variant}/{key}"),
        ("medium", 640, None, Fit.INSIDE, None, "{variant}/{key}"),
        ("large", 1280, None, Fit.INSIDE, None, "{variant}/{key}"),
    ]
    assert pipeline.source == Source()


def test_every_shipped_pipeline_loads():
    for file in loading.PIPELINES.glob("*.toml"):
        assert loading.load(file.stem).variants


def test_the_recipes_are_what_they_replace():
    made = {
        file.stem: [
            (spec.width, spec.height, spec.fit, spec.enlarge, spec.format, spec.bucket, spec.key)
            for spec in loading.load(file.stem).variants
        ]
        for file in loading.PIPELINES.glob("*.toml")
    }
    del made["default"]
    assert made == {
        "metadata_sized": [(300, 300, Fit.FILL, True, None, "destination", "{name}")],
        "catalogued": [(200, 200, Fit.COVER, True, Format.PNG, "destination", "resized-{key}")],
        "thumbnails": [(128, 128, Fit.INSIDE, False, None, "source", "thumbnails/{key}")],
        "transfer": [(800, 600, Fit.INSIDE, False, None, "destination", "resized/{key}")],
        "workflow": [(128, 128, Fit.INSIDE, False, None, "destination", "{variant}/{key}")],
    }


def test_only_the_recipe_for_it_takes_instructions_and_restores():
    loaded = [loading.load(file.stem) for file in loading.PIPELINES.glob("*.toml")]
    assert [pipeline.name for pipeline in loaded if pipeline.source.instructions] == ["metadata_sized"]
    assert [pipeline.name for pipeline in loaded if pipeline.restore] == ["metadata_sized"]


def test_only_the_recipe_that_needs_it_lets_originals_share_keys():
    loaded = [loading.load(file.stem) for file in loading.PIPELINES.glob("*.toml")]
    assert [pipeline.name for pipeline in loaded if pipeline.shared_keys] == ["metadata_sized"]
    assert not Pipeline(name="p", source=Source(), variants=()).shared_keys


def test_that_keys_are_shared_is_said_with_true_or_false():
    found = problems('shared_keys = "yes"\n[variants.a]\nwidth = 1')
    assert found == ["shared_keys: expected true or false, got 'yes'"]


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
        animated = false
        watermark = { image = "logo.png", opacity = 0.5 }
        """
    )
    pipeline = loading.load(str(tmp_path / "shop.toml"))
    (card,) = pipeline.variants
    assert pipeline.name == "shop"
    assert (card.fit, card.position, card.format, card.quality) == (Fit.COVER, Position.ATTENTION, Format.WEBP, 70)
    assert card.watermark is not None
    assert not card.animated
    assert (card.watermark.image, card.watermark.opacity) == (logo, 0.5)


def test_a_variant_may_keep_the_gain_map():
    document = {"variants": {"a": {"width": 9, "hdr": "keep"}, "b": {"width": 9, "key": "b/{key}"}}}
    variants = loading.parse(document, name="mine", folder=loading.PIPELINES).variants
    assert [variant.hdr for variant in variants] == [Hdr.KEEP, Hdr.DROP]
    assert problems('[variants.a]\nhdr = "yes"') == ["variants.a.hdr: expected one of drop, keep, got 'yes'"]


@pytest.mark.parametrize("name", ["default", "thumbnails", "catalogued", "transfer"])
def test_what_phones_send_is_an_original(name):
    assert {".heic", ".heif"} <= set(loading.load(name).source.suffixes)
    assert {".heic", ".heif"} <= set(Source().suffixes)


def test_an_unknown_name_lists_the_ones_there_are():
    with pytest.raises(loading.PipelineError, match="there are catalogued, default, "):
        loading.load("nonsense")


def test_text_that_is_no_toml_is_refused(tmp_path):
    (tmp_path / "bad.toml").write_text("[variants")
    with pytest.raises(loading.PipelineError, match=r"bad\.toml: not a TOML file"):
        loading.load(str(tmp_path / "bad.toml"))


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
    assert found[7] == "variants.small.quality: expected 1 to 100, or 'auto', got 101"
    assert "needs both width and height" in found[-1]


def test_quality_may_be_a_score_to_keep():
    pipeline = parsed('[variants.a]\nquality = "auto"\ntarget = 80\neffort = "high"')
    (spec,) = pipeline.variants
    assert (spec.quality, spec.target, spec.effort) == ("auto", 80, Effort.HIGH)


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ("target = 80", 'variants.a.target: expected only with quality = "auto"'),
        ("target = 80\nquality = 80", 'variants.a.target: expected only with quality = "auto"'),
        ('target = 39\nquality = "auto"', "variants.a.target: expected a whole number >= 40, got 39"),
        ('quality = "best"', "variants.a.quality: expected 1 to 100, or 'auto', got 'best'"),
        ("quality = 7.5", "variants.a.quality: expected 1 to 100, or 'auto', got 7.5"),
        ('effort = "best"', "variants.a.effort: expected one of normal, high, got 'best'"),
    ],
)
def test_what_is_no_quality_or_effort_is_refused(table, problem):
    assert problems(f"[variants.a]\n{table}") == [problem]


def test_a_pipeline_without_variants_is_refused():
    assert problems("[source]") == ["variants: expected at least one table such as [variants.thumbnail]"]


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ('fit = "contain"\nformat = "webp"\nwidth = 5001\nheight = 5000', "25,000,000 pixels in webp, got 25,005,000"),
        ('fit = "fill"\nenlarge = true\nformat = "avif"\nwidth = 8000\nheight = 5001', "20,000,000 pixels in avif"),
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
        pipeline = loading.parse(document, name="mine", folder=Path())
    except loading.PipelineError:
        return
    assert not keys.is_original(pipeline.source, target + key + ".jpg")


def test_a_digest_tells_pipelines_apart():
    one, same, other = (parsed(f"[variants.a]\nwidth = {width}") for width in (10, 10, 11))
    assert loading.digest(one, Limits()) == loading.digest(same, Limits())
    assert loading.digest(one, Limits()) != loading.digest(other, Limits())
    assert loading.digest(one, Limits()) != loading.digest(one, Limits(max_pixels=1))
