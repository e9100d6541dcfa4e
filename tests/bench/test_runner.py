"""Engines in processes of their own, on a small picture; those that need no more than the app does."""

import json
import re

import pytest
from PIL import Image

from bench.cases import SIDES, Case, of_folder, select, standard
from bench.engines import FLOOR, HALFTONE, TEXTBOOK, Engine
from bench.runner import Run, allocator_settings, measure, spawns, variant_path
from tests.imaging.pictures import scenery


@pytest.fixture
def case(tmp_path):
    path = tmp_path / "photo.jpg"
    scenery(1600, 1200).save(path, quality=92)
    return Case(name="photo", source=path, source_format="jpeg")


@pytest.fixture
def run(tmp_path):
    return Run(rounds=1, repeats=2, folder=tmp_path / "out", modules=None, environment={"MALLOC_TOP_PAD_": "1048576"})


def test_each_engine_makes_every_variant_and_says_what_it_used(case, run):
    seen = []

    cells, failures = measure([case], [HALFTONE, FLOOR, TEXTBOOK], run, seen.append)

    assert not failures
    assert [cell.engine for cell in cells] == ["halftone", "floor", "textbook"]
    assert len(seen) == spawns([case], [HALFTONE, FLOOR, TEXTBOOK], run)
    for cell in cells:
        assert len(cell.cpu_ms) == 2
        assert min(cell.cpu_ms) > 0
        assert cell.idle_kib < cell.peak_kib[0]
    for engine in ("halftone", "textbook"):
        for side, format_ in ((side, format_) for side in SIDES for format_ in ("jpeg", "png")):
            with Image.open(variant_path(run.folder, "photo", engine, side, format_)) as variant:
                assert variant.size == (side, side * 3 // 4)


def test_the_floor_encodes_exactly_what_halftone_does(case, run):
    (halftone, floor), _ = measure([case], [HALFTONE, FLOOR], run, lambda _: None)

    assert floor.bytes == halftone.bytes
    for side in SIDES:
        files = [
            variant_path(run.folder, "photo", engine, side, "jpeg").read_bytes() for engine in ("halftone", "floor")
        ]
        assert files[0] == files[1]


def test_an_engine_that_fails_is_named_and_the_others_go_on(case, run):
    broken = Engine(name="broken", title="Broken engine", module="bench.engines.missing")

    cells, failures = measure([case], [broken, TEXTBOOK], run, lambda _: None)

    assert [cell.engine for cell in cells] == ["textbook"]
    (failure,) = failures
    assert re.search(r"Broken engine failed on .*photo\.jpg to jpeg: ModuleNotFoundError: .*missing", failure)


def test_an_engine_finds_the_settings_of_the_run_in_its_environment(case, run):
    measure([case], [Engine(name="telling", title="Telling", module="tests.bench.telling_engine")], run, lambda _: None)

    assert variant_path(run.folder, "photo", "telling", SIDES[0], "jpeg").read_text() == "1048576"


def test_the_settings_are_those_of_the_deployed_function(tmp_path):
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"environment_variables": {"MALLOC_TOP_PAD_": "1", "LOG_LEVEL": "INFO"}}))

    assert allocator_settings(config) == {"MALLOC_TOP_PAD_": "1"}
    assert allocator_settings().keys() >= {"MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"}


def test_a_folder_gives_a_case_for_each_picture_in_any_case_of_its_suffix(tmp_path):
    for name in ("b.PNG", "a.jpeg", "notes.txt"):
        (tmp_path / name).touch()

    assert [(case.name, case.source_format) for case in of_folder(tmp_path)] == [("a.jpeg", "jpeg"), ("b.PNG", "png")]


def test_cases_are_selected_by_parts_of_their_names(tmp_path):
    cases = standard(tmp_path)

    assert {case.name for case in select(cases, ["24mp", "to-avif"])} == {
        "jpeg-24mp",
        "progressive-24mp",
        "jpeg-12mp-to-avif",
    }
    assert select(cases, []) == cases
