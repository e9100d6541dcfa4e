"""Mutated files of every readable format: only named errors may come out, in bounded time and memory.

    python -m tests.imaging.fuzz --seconds 60 --seed 1

runs until the time is up and ends with status 1 at the first file that breaks the rule, which is saved beside the
report. The same seed makes the same files, in the same order.
"""

import argparse
import io
import random
import resource
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

from PIL import Image, ImageCms
from PIL.ExifTags import GPS, IFD, Base
from PIL.PngImagePlugin import PngInfo

from chalicelib.errors import PermanentError
from chalicelib.imaging.boundary import UNFORESEEN
from chalicelib.imaging.render import render
from chalicelib.model.picture import Fit, Format, Hdr, Metadata, VariantSpec, Watermark
from tests.imaging import heics, pictures, ultrahdrs
from tests.imaging.hostile import bmps, jpegs, pngs, profiles, tiffs, webps, zeros

SECONDS_PER_FILE = 10
MEMORY_BYTES = 1 << 30


def _mark() -> Watermark:
    out = io.BytesIO()
    Image.new("RGBA", (9, 5), (255, 0, 0, 128)).save(out, "PNG")
    return Watermark(image=out.getvalue(), opacity=0.5)


SPECS = (
    VariantSpec(name="same", width=40, height=40, metadata=Metadata.ALL),
    VariantSpec(name="cover", width=30, height=20, fit=Fit.COVER, format=Format.JPEG, metadata=Metadata.ALL, gps=True),
    VariantSpec(name="contain", width=24, height=32, fit=Fit.CONTAIN, format=Format.WEBP, metadata=Metadata.ALL),
    VariantSpec(name="bright", width=48, format=Format.JPEG, metadata=Metadata.ALL, hdr=Hdr.KEEP),
    VariantSpec(name="tiny", width=8, format=Format.AVIF, metadata=Metadata.ALL, gps=True),
    VariantSpec(name="indexed", width=16, format=Format.GIF, max_bytes=2_000, background="#ff000080"),
    VariantSpec(name="marked", width=20, format=Format.PNG, metadata=Metadata.COPYRIGHT, watermark=_mark()),
)

XMP = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:t="http://ns.adobe.com/tiff/1.0/" t:Orientation="8" t:Make="Maker"/></rdf:RDF></x:xmpmeta>"""

Mutation = Callable[[random.Random, bytearray], None]


class Hang(BaseException):
    """A file took longer than SECONDS_PER_FILE; no Exception, lest it be taken for a decoder's."""


def seeds() -> dict[str, bytes]:
    """A small sound file of each format and of each kind that decodes along another path."""
    rgb = Image.merge("RGB", [Image.linear_gradient("L").rotate(turn).resize((67, 45)) for turn in (0, 90, 180)])
    rgba = rgb.copy()
    rgba.putalpha(Image.radial_gradient("L").resize(rgb.size))
    exif = _tags()
    frames = [rgb.rotate(30 * turn) for turn in range(1, 4)]
    moving = {"save_all": True, "append_images": frames, "duration": 40, "loop": 0}
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    profile = profile[:24] + bytes(12) + profile[36:]  # the time at which it was made
    return {
        "jpeg": _file(rgb, "JPEG", exif=exif, xmp=XMP),
        "jpeg progressive": _file(rgb, "JPEG", progressive=True, icc_profile=profile),
        "jpeg scans": jpegs.repeated_scans(40, 30, 2),
        "jpeg arithmetic": jpegs.arithmetic(40, 30, 0xC9, jpegs.scan(3, 0, 63, 0, 0)),
        "jpeg cmyk profile": _file(rgb.convert("CMYK"), "JPEG", icc_profile=profiles.lookup(4, 5, b"CMYK", entries=64)),
        "jpeg cmyk": _file(rgb.convert("CMYK"), "JPEG"),
        "png": _file(rgb, "PNG", exif=exif, pnginfo=_texts(), icc_profile=profile),
        "png alpha": _file(rgba, "PNG"),
        "png interlaced": pngs.flat(40, 30, depth=16, colour=6, interlaced=True),
        "png profile": pngs.flat(40, 30, pngs.profile_chunk(profiles.multi_process(2, 3)), colour=2),
        "png palette": _file(rgb.quantize(16), "PNG", transparency=3),
        "png grey 16": _file(rgb.convert("L").convert("I").point(lambda level: level * 257).convert("I;16"), "PNG"),
        "apng": _file(rgb, "PNG", **moving),
        "webp": _file(rgb, "WEBP", exif=exif, xmp=XMP),
        "webp lossless": _file(rgba, "WEBP", lossless=True),
        "webp moving": _file(rgba, "WEBP", **moving),
        "webp chunks": webps.extended(40, 30, 8, webps.flat(40, 30)[12:], webps.chunk(b"EXIF", exif.tobytes())),
        "avif moving": _file(rgb, "AVIF", speed=10, **moving),
        "avif": _file(rgb, "AVIF", speed=10, exif=exif, xmp=XMP),
        "gif": _file(rgb.quantize(32), "GIF"),
        "gif moving": _file(rgb, "GIF", **moving),
        "tiff": _file(rgb, "TIFF", exif=exif.tobytes()),
        "tiff big": _file(rgb, "TIFF", big_tiff=True, tiffinfo={700: XMP}),
        "tiff lzw": _file(rgba, "TIFF", compression="tiff_lzw"),
        "tiff jpeg": _file(rgb, "TIFF", compression="jpeg"),
        "tiff tiles": tiffs.tiles(40, 30, (16, 16), zeros.deflated_zeros(768), samples=3, compression=tiffs.DEFLATE),
        "tiff strips": tiffs.strips(40, 30, 7, bytes(280)),
        "tiff scans": tiffs.repeated_scans(2, 3, side=40),
        "tiff exif": tiffs.exif_values(tiffs.RATIONAL, 30),
        "bmp runs": bmps.bmp(40, 30, b"\x28\1\0\0" * 30, compression=bmps.RLE8),
        "jpeg gain map": ultrahdrs.photo(
            rgb,
            Image.linear_gradient("L").resize((17, 12)),
            said=[
                ultrahdrs.segment(0xE1, ultrahdrs.XMP + ultrahdrs.map_xmp()),
                ultrahdrs.segment(0xE2, ultrahdrs.ISO + ultrahdrs.iso_binary()),
            ],
        ),
        "png cicp": pictures.png((8, 8, 8, 2), b"\0" * 200, (b"cICP", bytes((9, 16, 0, 1)))),
        "heic": heics.encoded(rgba, exif=exif),
        "heic grid": heics.heic(
            [
                heics.grid(1, 2, 100, 60, [2, 3], heics.irot(1), heics.nclx(9, 18, 9)),
                heics.coded(rgb.resize((64, 64))),
                heics.plain(64, 64, "red"),
            ]
        ),
        "bmp": _file(rgb, "BMP"),
        "bmp palette": _file(rgb.quantize(16), "BMP"),
    }


def _tags() -> Image.Exif:
    exif = Image.Exif()
    exif.update({Base.Orientation: 6, Base.Make: "Maker", Base.Copyright: "Somebody", Base.XResolution: 72.0})
    exif.get_ifd(IFD.Exif).update(
        {Base.LensModel: "Lens", Base.FNumber: 2.8, Base.DateTimeOriginal: "2024:05:01 12:34:56"}
    )
    exif.get_ifd(IFD.GPSInfo).update({GPS.GPSLatitudeRef: "N", GPS.GPSLatitude: (48.0, 12.0, 30.0)})
    return exif


def _texts() -> PngInfo:
    texts = PngInfo()
    texts.add_itxt("XML:com.adobe.xmp", XMP, zip=True)
    texts.add_text("Comment", "short", zip=True)
    return texts


def mutants(seed: int) -> Iterator[tuple[str, bytes]]:
    """An endless row of damaged files, each with the name of the sound one that it comes from."""
    chance = random.Random(seed)
    sound = list(seeds().items())
    while True:
        name, data = chance.choice(sound)
        mutant = bytearray(data)
        for _ in range(chance.randint(1, 4)):
            chance.choice(MUTATIONS)(chance, mutant)
        yield name, bytes(mutant)


def attempt(data: bytes) -> str:
    """Render `data`, and return the code of the error that it ended in, or `ok`; anything else is raised."""
    try:
        render(data, SPECS)
    except PermanentError as error:
        if str(error) == UNFORESEEN:  # the last resort: whatever ends in it lacks a boundary of its own
            raise error.__cause__ or error from None
        return error.code
    return "ok"


def _file(image: Image.Image, name: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, name, **options)
    return out.getvalue()


def _flip_bits(chance: random.Random, data: bytearray) -> None:
    for _ in range(chance.randint(1, 8)):
        if data:
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _set_extreme(chance: random.Random, data: bytearray) -> None:
    """Put a value that sizes and counts go wrong with over one, two or four bytes, mostly in the header."""
    width = chance.choice((1, 2, 4))
    if len(data) > width:
        at = chance.randrange(min(len(data), chance.choice((64, 512, len(data)))) - width + 1) if len(data) > 64 else 0
        value = chance.choice((0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF))
        data[at : at + width] = (value & (1 << 8 * width) - 1).to_bytes(width, chance.choice(("big", "little")))


def _truncate(chance: random.Random, data: bytearray) -> None:
    del data[chance.randrange(len(data) + 1) :]


def _cut_out(chance: random.Random, data: bytearray) -> None:
    start = chance.randrange(len(data) + 1)
    del data[start : start + chance.randint(1, 64)]


def _repeat(chance: random.Random, data: bytearray) -> None:
    start = chance.randrange(len(data) + 1)
    data[start:start] = data[start : start + chance.randint(1, 256)] * chance.randint(1, 8)


def _scramble(chance: random.Random, data: bytearray) -> None:
    start = chance.randrange(len(data) + 1)
    length = min(chance.randint(1, 32), len(data) - start)
    data[start : start + length] = chance.randbytes(length)


def _rearrange(chance: random.Random, data: bytearray) -> None:
    """Repeat, move or drop a whole chunk or segment, or put one inside another, so that lengths and checksums hold."""
    parts = _parts(data)
    if len(parts) < 3:
        return
    at, to = chance.randrange(1, len(parts)), chance.randrange(1, len(parts))
    match chance.randrange(4):
        case 0:
            parts.insert(to, parts[at])
        case 1:
            parts.insert(to, parts.pop(at))
        case 2:
            del parts[at]
        case 3:
            parts[to] = parts[to][:8] + parts[at] + parts[to][8:]
    data[:] = b"".join(parts)


def _parts(data: bytearray) -> list[bytes]:
    """The head of a PNG, RIFF, ISO or JPEG file, and its chunks, boxes or segments; only the head of any other file."""
    starts = [0]
    at = {0x89: 8, 0x52: 12, 0xFF: 2}.get(data[0] if data else 0, 0)
    while 0 < at + 8 <= len(data):
        starts.append(at)
        if data[0] == 0x89:
            at += 12 + int.from_bytes(data[at : at + 4], "big")
        elif data[0] == 0x52:
            at += 8 + (int.from_bytes(data[at + 4 : at + 8], "little") + 1 & ~1)
        elif data[at] == 0xFF:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        else:
            break
    return [bytes(data[start:end]) for start, end in pairwise([*starts, len(data)])]


def _hide(chance: random.Random, data: bytearray) -> None:
    """Put bytes that some readers pass over, and some take for a length, at the edge of a segment."""
    at = len(_parts(data)[0]) if chance.random() < 0.5 else chance.randrange(len(data) + 1)
    data[at:at] = chance.choice((b"\xff\0\0\x06", b"\xff", b"\0", b"\xff\xfe\0\x04", b"\xff\x01\0\x04"))


MUTATIONS: tuple[Mutation, ...] = (
    _flip_bits,
    _set_extreme,
    _truncate,
    _cut_out,
    _repeat,
    _scramble,
    _rearrange,
    _rearrange,
    _hide,
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="how long to run (default: 60)")
    parser.add_argument("--seed", type=int, default=1, help="which files to make (default: 1)")
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (4 * MEMORY_BYTES, 4 * MEMORY_BYTES))
    end = time.monotonic() + options.seconds
    outcomes: Counter[str] = Counter()
    for number, (name, data) in enumerate(mutants(options.seed)):
        if time.monotonic() >= end:
            break
        problem, outcome = guarded(data)
        if problem:
            saved = Path(tempfile.mkdtemp(prefix="fuzz-")) / f"{options.seed}-{number}.bin"
            saved.write_bytes(data)
            sys.stdout.write(f"file {number} of seed {options.seed}, from {name}: {problem}\nsaved as {saved}\n")
            return 1
        outcomes[f"{name}: {outcome}"] += 1
    for line, count in sorted(outcomes.items()):
        sys.stdout.write(f"{count:7,}  {line}\n")
    peak = f"{_peak() / 1e6:,.0f} MB"
    sys.stdout.write(f"{outcomes.total():7,}  files, seed {options.seed}, peak {peak}: only named errors\n")
    return 0


def guarded(data: bytes) -> tuple[str, str]:
    """What is wrong with how `data` ended, empty if nothing is, and the outcome."""
    peak = _peak()
    before = signal.signal(signal.SIGALRM, _hang)
    signal.alarm(SECONDS_PER_FILE)
    try:
        outcome = attempt(data)
    except Hang:
        return f"still running after {SECONDS_PER_FILE} s", ""
    except Exception as error:  # noqa: BLE001 - this is what is looked for
        return f"{type(error).__name__} left render: {error}", ""
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    return (f"took {_peak() / 1e6:,.0f} MB", "") if _peak() > max(MEMORY_BYTES, peak) else ("", outcome)


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _hang(*_: object) -> None:
    raise Hang


if __name__ == "__main__":
    sys.exit(main())
