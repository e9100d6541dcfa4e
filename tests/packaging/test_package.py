"""What `chalice deploy` uploaded: opened, and imported with nothing but what a Lambda function has."""

import json
import subprocess
import sys
import zipfile
from importlib.util import source_hash
from pathlib import Path

import pytest

from infra import models
from localcloud.home import Home
from tests.cloud import Deployed
from tests.imaging import heics

pytestmark = pytest.mark.packaging

ABI = f"cpython-{sys.version_info.major}{sys.version_info.minor}-"
MEGABYTE = 1_000_000
SITE = f"python/lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages/"

USE = """
import io, sys
from PIL import Image, features
import cykooz_resizer, msgspec, aws_lambda_powertools, app
assert not [name for name in sys.modules if "heif" in name and "." not in name], "HEIC costs every cold start"
from chalicelib.aws.clients import Service, client
for service in Service.__value__.__args__:
    assert client(service).meta.endpoint_url.endswith(".amazonaws.com")
assert "X-Amz-Signature" in client("s3").generate_presigned_url("get_object", Params={"Bucket": "b", "Key": "k"})
from chalicelib.imaging.render import render
from chalicelib.model.picture import VariantSpec
assert render(open(sys.argv[2], "rb").read(), [VariantSpec(name="small", width=32)]).original.format == "heic"
import pi_heif
assert features.check("webp") and features.check("avif") and features.check("jpg")
assert features.check_feature("libjpeg_turbo")
assert "pyjpegli" not in sys.modules and "mozjpeg_lossless_optimization" not in sys.modules
import pyjpegli, mozjpeg_lossless_optimization
assert mozjpeg_lossless_optimization.optimize(pyjpegli.encode(bytes(3), 1, 1))
for module in (
    Image, cykooz_resizer, pi_heif, msgspec, aws_lambda_powertools, app, pyjpegli, mozjpeg_lossless_optimization
):
    assert module.__file__.startswith(sys.argv[1]), module.__file__
"""


@pytest.fixture(scope="module")
def archives(deployed: Deployed, home: Home) -> tuple[Path, Path]:
    """Path of the app's zip and of the layer's; asking for `deployed` is what builds them."""
    assert deployed.api
    (layer,) = (home.app / ".chalice" / "deployments").glob("*managed-layer*.zip")
    (app,) = set((home.app / ".chalice" / "deployments").glob("*.zip")) - {layer}
    return app, layer


def names(archive: Path) -> list[str]:
    with zipfile.ZipFile(archive) as file:
        return file.namelist()


def test_the_app_is_the_app_and_nothing_else(archives: tuple[Path, Path]) -> None:
    top = {name.split("/")[0] for name in names(archives[0])}
    assert top == {"app.py", "__pycache__", "chalicelib", "chalice"}
    assert archives[0].stat().st_size < 1 * MEGABYTE
    assert any(name.endswith("pipelines/default.toml") for name in names(archives[0]))


def test_every_module_is_there_as_bytecode_of_its_source_too(archives: tuple[Path, Path]) -> None:
    """Lambda's disks are read-only: what has none is compiled by each worker, which takes most of a cold start."""
    for archive in archives:
        with zipfile.ZipFile(archive) as file:
            modules = [name for name in file.namelist() if name.endswith(".py")]
            assert modules
            for name in modules:
                folder, _, module = name.rpartition("/")
                cached = file.read(f"{folder}/__pycache__/{module[:-3]}.{sys.implementation.cache_tag}.pyc".lstrip("/"))
                assert cached[4:8] == b"\x01\0\0\0", f"{name}: not by hash and unchecked (PEP 552)"
                assert cached[8:16] == source_hash(file.read(name))


def test_botocore_knows_our_services_and_no_others(archives: tuple[Path, Path]) -> None:
    data = f"{SITE}botocore/data/"
    found = [name.removeprefix(data).split("/") for name in names(archives[1]) if name.startswith(data)]
    assert {parts[0] for parts in found if len(parts) > 1} == set(models.SERVICES)
    with zipfile.ZipFile(archives[1]) as layer:
        endpoints = json.loads(layer.read(f"{data}endpoints.json"))
    assert {"aws", "aws-cn", "aws-us-gov"} <= {partition["partition"] for partition in endpoints["partitions"]}
    assert "s3" in endpoints["partitions"][0]["services"]


def test_the_layer_brings_the_libraries_and_nothing_else(archives: tuple[Path, Path]) -> None:
    packages = {name.removeprefix(SITE).split("/")[0] for name in names(archives[1])}
    assert {
        "PIL",
        "pillow.libs",
        "cykooz_resizer",
        "botocore",
        "pi_heif",
        "msgspec",
        "aws_lambda_powertools",
        "mozjpeg_lossless_optimization",
    } <= packages
    assert any(name.startswith("pyjpegli.cpython-") for name in packages)
    assert not {"boto3", "s3transfer", "chalice", "localcloud", "tests", "infra", "bench", "pip"} & packages
    assert archives[1].stat().st_size < 20 * MEGABYTE


@pytest.mark.parametrize(("package", "extension"), [("pillow", "PIL/_imaging."), ("pi_heif", "_pi_heif.")])
def test_codecs_are_wheels_and_not_compiled_here(archives: tuple[Path, Path], package: str, extension: str) -> None:
    """Chalice compiles silently where it finds no wheel: without WebP, AVIF and the libraries it was built with."""
    with zipfile.ZipFile(archives[1]) as layer:
        (wheel,) = [
            name for name in layer.namelist() if f"/{package}-" in name.lower() and name.endswith(".dist-info/WHEEL")
        ]
        assert b"manylinux" in layer.read(wheel)
        extensions = [name for name in layer.namelist() if extension in name and name.endswith(".so")]
    assert len(extensions) == 1
    assert ABI in extensions[0]


def test_heic_is_read_by_what_may_be_passed_on_and_its_licences_go_with_it(archives: tuple[Path, Path]) -> None:
    """The decoders are LGPL, and shared libraries; an encoder under the GPL would not do."""
    libraries = {name.split("/")[-1].split("-")[0] for name in names(archives[1]) if "/pi_heif.libs/lib" in name}
    assert libraries == {"libheif", "libde265"}
    assert not [name for name in names(archives[1]) if "x265" in name]
    assert [name for name in names(archives[1]) if name.endswith("licenses/LICENSES_bundled.txt")]


def test_it_imports_with_nothing_else(archives: tuple[Path, Path], tmp_path: Path) -> None:
    """The app imports from zip and layer alone, every codec is there, and so is every client."""
    for archive in archives:
        with zipfile.ZipFile(archive) as file:
            file.extractall(tmp_path)
    (layer,) = tmp_path.glob("python/lib/python*/site-packages")
    code = f"import sys; sys.path[1:1] = {[str(tmp_path), str(layer)]!r}\n{USE}"
    photo = tmp_path / "photo.heic"
    photo.write_bytes(heics.heic([heics.plain(64, 64, "red")]))
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, str(tmp_path), str(photo)],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env={"AWS_DEFAULT_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"},
    )
    assert done.returncode == 0, done.stderr
