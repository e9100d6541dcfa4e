"""What Lambda gets: the app and its layer as Chalice would build them, with bytecode, and botocore cut to our services.

Chalice takes over a package that lies where it would put it itself, under a hash of what goes in. So `chalice deploy`
deploys what was built here. By itself, it builds the same without bytecode and with all of botocore, which starts more
slowly and is 16 MB larger.
"""

import compileall
import hashlib
import shutil
import sys
import tempfile
import zipfile
from pathlib import Path
from py_compile import PycInvalidationMode

from chalice.deploy import packager
from chalice.utils import UI, OSUtils

from infra import models

RUNTIME = f"python{sys.version_info.major}.{sys.version_info.minor}"
ABI = f"cp{sys.version_info.major}{sys.version_info.minor}"
APP, LAYER = packager.AppOnlyDeploymentPackager, packager.LayerDeploymentPackager
ZIPPED = (1980, 1, 1, 0, 0, 0)
"""When everything was packed, so they say: a zip knows no earlier time."""

SITE = Path("python") / "lib" / RUNTIME / "site-packages"


class ArtefactError(Exception):
    """A package cannot be built; the message says why."""


def build(project: Path) -> tuple[Path, Path]:
    """Build the zips of the app and of its layer unless they are there, and return their paths.

    Raises ArtefactError where a dependency has no wheel for Lambda.
    """
    return build_app(project), build_layer(project)


def plain(project: Path) -> tuple[Path, Path]:
    """Build both zips as `chalice deploy` alone does, and return their paths."""
    app, layer = (_chalice(kind).create_deployment_package(str(project), RUNTIME) for kind in (APP, LAYER))
    return Path(app), Path(layer)


def build_app(project: Path) -> Path:
    """Build the zip of the app; one that Chalice has built gives way."""
    chalice = _chalice(APP)
    target = Path(chalice.deployment_package_filename(str(project), RUNTIME))
    if not _is_ours(target):
        target.unlink(missing_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            with zipfile.ZipFile(chalice.create_deployment_package(str(project), RUNTIME)) as made:
                made.extractall(folder)
            _pack(Path(folder), target)
    return target


def build_layer(project: Path) -> Path:
    """Build the zip of the layer, likewise. Raises ArtefactError."""
    target = Path(_chalice(LAYER).deployment_package_filename(str(project), RUNTIME))
    if not _is_ours(target):
        with tempfile.TemporaryDirectory() as folder:
            site = Path(folder) / SITE
            _install(project / "requirements.txt", site)
            if (project / "vendor").is_dir():
                shutil.copytree(project / "vendor", site, dirs_exist_ok=True)
            models.cut(site / "botocore" / "data")
            _pack(Path(folder), target)
    return target


def _chalice[Kind: packager.BaseLambdaDeploymentPackager](kind: type[Kind]) -> Kind:
    return kind(OSUtils(), packager.DependencyBuilder(OSUtils()), UI())


def _install(requirements: Path, site: Path) -> None:
    try:
        packager.DependencyBuilder(OSUtils()).build_site_packages(ABI, str(requirements), str(site))
    except packager.MissingDependencyError as error:
        missing = ", ".join(sorted(package.identifier for package in error.missing))
        raise ArtefactError(f"there is no wheel for Lambda's {RUNTIME} of {missing}") from error
    except (packager.PackageDownloadError, packager.NoSuchPackageError) as error:
        raise ArtefactError(f"pip could not download the requirements: {error}") from error


def _pack(folder: Path, target: Path) -> None:
    """Compile what is in a folder and zip it.

    Lambda's disks are read-only: without bytecode, each worker would compile everything anew. Nobody edits the source
    in a zip, so that bytecode is not compared with it. The same sources make the same zip, byte for byte: a stack is
    updated only where something has changed.
    """
    for cached in folder.rglob("__pycache__"):
        shutil.rmtree(cached)
    compileall.compile_dir(
        folder, maxlevels=99, quiet=1, stripdir=str(folder), invalidation_mode=PycInvalidationMode.UNCHECKED_HASH
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    made = target.with_suffix(".part")
    with zipfile.ZipFile(made, "w") as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                entry = zipfile.ZipInfo.from_file(path, path.relative_to(folder))
                entry.date_time, entry.compress_type = ZIPPED, zipfile.ZIP_DEFLATED
                archive.writestr(entry, path.read_bytes())
        archive.comment = _mark()
    made.replace(target)


def _is_ours(package: Path) -> bool:
    """Tell whether this code has built a package; Chalice may have, under the same name."""
    if not package.exists():
        return False
    with zipfile.ZipFile(package) as archive:
        return archive.comment == _mark()


def _mark() -> bytes:
    """Return what packages of this code say: a hash of it, of what it asks for, and of the interpreter."""
    ways = [Path(__file__).read_text(), Path(models.__file__).read_text(), *models.SERVICES, sys.version]
    return hashlib.sha256("\0".join(ways).encode()).hexdigest().encode()
