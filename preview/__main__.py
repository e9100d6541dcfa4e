"""Run a pipeline on local files, without any cloud: variants and descriptions go to a folder.

Variants are filed under the keys that the pipeline gives them, and beside them `<photo>.json` describes each original.
"""

import argparse
import json
import sys
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

from msgspec.structs import asdict

from chalicelib.errors import PermanentError
from chalicelib.imaging.render import render
from chalicelib.model.picture import RenderedVariant, Rendering
from chalicelib.model.pipeline import Pipeline
from chalicelib.pipelines import keys, loading
from preview.contact_sheet import contact_sheet

BAR = 30
"""Characters of the progress bar."""

CLEAR_LINE = "\r\033[K"


def main(arguments: Sequence[str] | None = None) -> int:
    """Render every photo, and return 0, 1 when some could not be rendered, or 2 when nothing could be begun."""
    options = _parser().parse_args(arguments)
    try:
        pipeline = loading.load(options.pipeline)
    except loading.PipelineError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    twice = [name for name, count in Counter(photo.name for photo in options.photos).items() if count > 1]
    if twice:
        sys.stderr.write(
            f"{', '.join(twice)}: more than one photo of that name, whose variants would be the same files\n"
        )
        return 2
    done: list[tuple[str, Rendering]] = []
    said: list[str] = []
    for photo in _with_progress(options.photos, sys.stderr):
        try:
            rendering = render(photo.read_bytes(), pipeline.variants)
            _write(rendering, photo, pipeline, options.out)
        except (OSError, ValueError, PermanentError) as error:
            said.append(f"{photo}: not rendered: {error}\n")
            continue
        done.append((photo.name, rendering))
        said.append(_summary(photo, rendering))
    sys.stdout.writelines(said)
    if options.contact_sheet and done:
        try:
            options.contact_sheet.parent.mkdir(parents=True, exist_ok=True)
            options.contact_sheet.write_bytes(contact_sheet(done))
        except OSError as error:
            sys.stderr.write(f"{options.contact_sheet}: not written: {error}\n")
            return 1
    return 0 if len(done) == len(options.photos) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="halftone", description=__doc__)
    parser.add_argument("photos", nargs="+", type=Path, metavar="PHOTO", help="files to render")
    parser.add_argument(
        "--pipeline",
        default="default",
        metavar="NAME",
        help="one that ships, or the path of a .toml file (%(default)s)",
    )
    parser.add_argument(
        "--out", default="variants", type=Path, metavar="DIR", help="where variants and descriptions go (%(default)s)"
    )
    parser.add_argument("--contact-sheet", type=Path, metavar="FILE", help="also a PNG with all variants side by side")
    return parser


def _with_progress(photos: Sequence[Path], terminal: TextIO) -> Iterator[Path]:
    """The photos, with a bar on the terminal that says how many are done; none for one photo, or in a file."""
    shown = len(photos) > 1 and terminal.isatty()
    for number, photo in enumerate(photos):
        if shown:
            bar = "#" * (BAR * number // len(photos))
            terminal.write(f"{CLEAR_LINE}[{bar:<{BAR}}] {number} of {len(photos)}  {photo.name}")
            terminal.flush()
        yield photo
    if shown:
        terminal.write(CLEAR_LINE)


def _write(rendering: Rendering, photo: Path, pipeline: Pipeline, folder: Path) -> None:
    for variant in rendering.variants:
        path = folder / _key(variant, photo)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(variant.data)
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(_described(rendering, photo, pipeline), indent=2, ensure_ascii=False)
    (folder / f"{photo.name}.json").write_text(text + "\n", "utf-8")


def _key(variant: RenderedVariant, photo: Path) -> str:
    image_id = str(uuid.uuid5(uuid.NAMESPACE_URL, photo.resolve().as_uri()))
    extension = keys.extension(variant.format)
    return keys.variant_key(variant.spec, keys.named(photo.name), image_id=image_id, extension=extension)


def _described(rendering: Rendering, photo: Path, pipeline: Pipeline) -> dict[str, object]:
    """What the record of an upload would say, by the same names."""
    return {
        "key": photo.name,
        "pipeline": pipeline.name,
        "original": asdict(rendering.original),
        "placeholder": asdict(rendering.placeholder),
        "perceptual_hash": rendering.perceptual_hash,
        "variants": [
            {
                "name": variant.spec.name,
                "key": _key(variant, photo),
                "format": variant.format,
                "content_type": variant.content_type,
                "width": variant.width,
                "height": variant.height,
                "bytes": len(variant.data),
            }
            for variant in rendering.variants
        ],
    }


def _summary(photo: Path, rendering: Rendering) -> str:
    sizes = ", ".join(f"{made.spec.name} {made.width}x{made.height} {made.format}" for made in rendering.variants)
    return f"{photo}: {sizes}\n"


if __name__ == "__main__":
    sys.exit(main())
