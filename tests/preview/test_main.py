"""The command that runs a pipeline on local files."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from chalicelib.imaging.render import render
from chalicelib.model.picture import Format, VariantSpec
from preview import __main__ as command
from preview.contact_sheet import CELL, GAP, contact_sheet
from tests.imaging import pictures

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "PYTHON": sys.executable}

PIPELINE = """
[variants.small]
width = 32
height = 32
[variants.web]
width = 64
format = "webp"
key = "{variant}/{key}.{ext}"
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "mine.toml").write_text(PIPELINE)
    (tmp_path / "one.png").write_bytes(pictures.file_of(pictures.scenery(120, 80, "RGBA"), "PNG"))
    (tmp_path / "two ü.jpg").write_bytes(pictures.file_of(pictures.scenery(80, 120), "JPEG"))
    return tmp_path


def run(folder, *photos, extra=()):
    names = [str(folder / name) for name in photos]
    return command.main([*names, "--pipeline", str(folder / "mine.toml"), "--out", str(folder / "out"), *extra])


def test_variants_and_descriptions_go_to_the_folder(folder, capsys):
    assert run(folder, "one.png", "two ü.jpg") == 0
    assert pictures.opened((folder / "out/small/one.png").read_bytes()).size == (32, 21)
    assert pictures.opened((folder / "out/web/two ü.jpg.webp").read_bytes()).size == (64, 96)
    described = json.loads((folder / "out/one.png.json").read_text())
    assert (described["original"]["width"], described["original"]["has_alpha"]) == (120, True)
    assert [variant["key"] for variant in described["variants"]] == ["small/one.png", "web/one.png.webp"]
    assert described["variants"][1]["bytes"] == (folder / "out/web/one.png.webp").stat().st_size
    assert "small 21x32 jpeg, web 64x96 webp" in capsys.readouterr().out


def test_a_photo_that_fails_does_not_stop_the_others(folder, capsys):
    (folder / "bad.jpg").write_bytes(b"nothing")
    assert run(folder, "bad.jpg", "gone.jpg", "one.png") == 1
    said = capsys.readouterr().out
    assert "bad.jpg: not rendered: The bytes are no image" in said
    assert "gone.jpg: not rendered: " in said
    assert (folder / "out/one.png.json").exists()


def test_the_command_works_from_any_folder_with_paths_of_that_folder(folder):
    """The one of the README, in a folder whose modules are not ours, through a link such as one in ~/bin."""
    work = folder / "work"
    work.mkdir()
    (work / "mine.toml").write_text(PIPELINE)
    (work / "json.py").write_text("raise SystemExit('a module of this folder was imported')")
    (work / "halftone").symlink_to(ROOT / "halftone")
    command = ["./halftone", "../one.png", "--pipeline", "./mine.toml", "--out", "made"]
    done = subprocess.run(command, cwd=work, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "../one.png: small 32x21 png, web 64x43 webp" in done.stdout
    assert pictures.opened((work / "made/small/one.png").read_bytes()).size == (32, 21)


def test_the_command_says_which_python_it_wants(folder):
    command = [str(ROOT / "halftone"), "one.png"]
    environment = ENVIRONMENT | {"PYTHON": "/bin/false"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "needs Python 3.12 or newer" in done.stderr


def test_a_photo_is_all_that_must_be_said(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert command.main(["one.png"]) == 0
    assert (folder / "variants/thumbnail/one.png").exists()


def test_a_pipeline_that_is_not_there_is_said_so(folder, capsys):
    assert command.main([str(folder / "one.png"), "--pipeline", "nowhere", "--out", str(folder)]) == 2
    assert "no such pipeline" in capsys.readouterr().err


def test_the_contact_sheet_shows_every_variant(folder):
    sheet = folder / "sheet.png"
    assert run(folder, "one.png", "two ü.jpg", extra=["--contact-sheet", str(sheet)]) == 0
    width, height = pictures.opened(sheet.read_bytes()).size
    assert width == GAP + 2 * (CELL.width + GAP)
    assert height > 2 * CELL.height


def test_a_cell_shows_its_variant_at_its_own_size():
    picture = pictures.scenery(100, 60)
    rendering = render(pictures.file_of(picture, "PNG"), [VariantSpec(name="a", format=Format.PNG)])
    sheet = pictures.opened(contact_sheet([("title", rendering)]))
    left, top = GAP + (CELL.width - 100) // 2, GAP + 18 + (CELL.height - 60) // 2
    assert sheet.crop((left, top, left + 100, top + 60)).tobytes() == picture.tobytes()


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_bar_is_for_many_photos_on_a_terminal():
    terminal, file = Terminal(), io.StringIO()
    photos = [command.Path(name) for name in ("a.jpg", "b.jpg")]
    assert list(command._with_progress(photos, terminal)) == photos  # noqa: SLF001 - no terminal in a test
    assert "] 1 of 2  b.jpg" in terminal.getvalue()
    assert terminal.getvalue().endswith(command.CLEAR_LINE)
    assert list(command._with_progress(photos, file)) == photos  # noqa: SLF001
    assert list(command._with_progress(photos[:1], terminal)) == photos[:1]  # noqa: SLF001
    assert file.getvalue() == ""


def test_two_photos_of_one_name_do_not_overwrite_each_other(folder, capsys):
    (folder / "other").mkdir()
    (folder / "other/one.png").write_bytes((folder / "one.png").read_bytes())
    assert run(folder, "one.png", "other/one.png") == 2
    assert "one.png: more than one photo of that name" in capsys.readouterr().err
    assert not (folder / "out").exists()


def test_the_folder_of_the_contact_sheet_is_made(folder):
    assert run(folder, "one.png", extra=["--contact-sheet", str(folder / "new/sheet.png")]) == 0
    assert (folder / "new/sheet.png").exists()


def test_a_contact_sheet_that_cannot_be_written_is_said_so(folder, capsys):
    assert run(folder, "one.png", extra=["--contact-sheet", str(folder)]) == 1
    assert "not written" in capsys.readouterr().err
