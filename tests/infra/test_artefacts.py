import zipfile
from pathlib import Path

import pytest

from infra import artefacts


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text("import chalicelib.greeting\n")
    (tmp_path / "chalicelib").mkdir()
    (tmp_path / "chalicelib" / "greeting.py").write_text("HELLO = 1\n")
    return tmp_path


def modules(package: Path) -> set[str]:
    with zipfile.ZipFile(package) as archive:
        return {name for name in archive.namelist() if name.endswith(".pyc")}


def test_chalice_finds_what_was_built_where_it_would_put_it(project: Path) -> None:
    built = artefacts.build_app(project)
    assert len(modules(built)) == 4  # with the two of Chalice's runtime
    chalice = artefacts._chalice(artefacts.APP)  # noqa: SLF001
    assert Path(chalice.create_deployment_package(str(project), artefacts.RUNTIME)) == built
    assert modules(built)


def test_what_chalice_has_built_itself_gives_way_and_what_we_have_built_stays(project: Path) -> None:
    chalice = artefacts._chalice(artefacts.APP)  # noqa: SLF001
    plain = Path(chalice.create_deployment_package(str(project), artefacts.RUNTIME))
    assert not modules(plain)
    assert artefacts.build_app(project) == plain
    assert modules(plain)
    made = plain.stat().st_ino
    assert artefacts.build_app(project).stat().st_ino == made


def test_the_same_sources_make_the_same_zip_whenever_it_is_made(project: Path) -> None:
    first = artefacts.build_app(project)
    was = first.read_bytes()
    with zipfile.ZipFile(first) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {artefacts.ZIPPED}
    first.unlink()
    assert artefacts.build_app(project).read_bytes() == was


def test_requirements_that_cannot_be_had_are_one_line(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(project))
    (project / "requirements.txt").write_text("there-is-none-of-this==1\n")
    with pytest.raises(
        artefacts.ArtefactError, match=r"pip could not download the requirements: .*there-is-none-of-this"
    ):
        artefacts.build_layer(project)
