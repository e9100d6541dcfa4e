"""sharp from npm, installed for the benchmark alone."""

import json
import shutil
import subprocess
from pathlib import Path

MANIFESTS = ("package.json", "package-lock.json")


class NoSharp(Exception):
    """sharp cannot run here; the message says why."""


def install(folder: Path) -> Path:
    """The node_modules with the locked sharp, under `folder`; npm is asked only when the lock has changed.

    NoSharp without node or npm, or when npm fails (its last line says why).
    """
    if not shutil.which("node") or not shutil.which("npm"):
        raise NoSharp("there is no node with npm on the PATH (20.9 or newer)")
    folder.mkdir(parents=True, exist_ok=True)
    modules, wanted = folder / "node_modules", [Path(__file__).with_name(name).read_bytes() for name in MANIFESTS]
    stored = [folder / name for name in MANIFESTS]
    if modules.exists() and [file.read_bytes() for file in stored] == wanted:
        return modules
    for file, content in zip(stored, wanted, strict=True):
        file.write_bytes(content)
    command = ["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoSharp(f"npm could not install sharp: {done.stderr.strip().splitlines()[-1:]}")
    return modules


def version(modules: Path) -> str:
    """The version of the sharp in a node_modules."""
    package: dict[str, str] = json.loads((modules / "sharp" / "package.json").read_text())
    return package["version"]
