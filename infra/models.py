"""botocore's descriptions of AWS, cut down to our services: they are most of what it costs to make a client."""

import gzip
import json
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Any, get_args

from chalicelib.aws import clients

SERVICES: tuple[str, ...] = get_args(clients.Service.__value__)
"""The type checker sees to it that all that are used are listed there."""

UNUSED = "examples-1.json"
TEXTS = {"documentation", "documentationUrl"}


def cut(data: Path) -> None:
    """Keep of botocore's `data` folder the newest descriptions of our services, uncompressed and without texts.

    botocore looks into the folder of each service there is before it makes a client, and `endpoints.json` names the
    endpoints of all. What the files say of our services stays as it is.
    """
    prefixes = set()
    for folder in data.iterdir():
        if not folder.is_dir():
            continue
        if folder.name not in SERVICES:
            shutil.rmtree(folder)
            continue
        *former, newest = sorted(folder.iterdir())
        for version in former:
            shutil.rmtree(version)
        for path in sorted(newest.iterdir()):
            _plain(path)
        prefixes.add(_read(newest / "service-2.json")["metadata"]["endpointPrefix"])
    endpoints = data / "endpoints.json"
    _write(endpoints, endpoints_of(prefixes, _read(endpoints)))


def endpoints_of(prefixes: Collection[str], document: dict[str, Any]) -> dict[str, Any]:
    """Return `endpoints.json` with all partitions and regions, and of the services those with these prefixes."""
    partitions = [
        {**partition, "services": {name: one for name, one in partition["services"].items() if name in prefixes}}
        for partition in document["partitions"]
    ]
    return {**document, "partitions": partitions}


def undocumented(value: Any) -> Any:
    """Return a description with empty texts; a member of a structure may be called documentation, and is not a text."""
    match value:
        case dict():
            return {
                name: "" if name in TEXTS and isinstance(one, str) else undocumented(one) for name, one in value.items()
            }
        case list():
            return [undocumented(one) for one in value]
    return value


def _plain(path: Path) -> None:
    """Make a file what `json.load` reads fastest, or drop it where only documentation is made of it."""
    document = _read(path)
    path.unlink()
    if path.name.removesuffix(".gz") != UNUSED:
        _write(path.with_name(path.name.removesuffix(".gz")), undocumented(document))


def _read(path: Path) -> Any:
    data = path.read_bytes()
    return json.loads(gzip.decompress(data) if path.suffix == ".gz" else data)


def _write(path: Path, document: Any) -> None:
    path.write_text(json.dumps(document, separators=(",", ":")))
