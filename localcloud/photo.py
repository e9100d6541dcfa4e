"""`python -m localcloud.photo`: render `sample.jpg`, a landscape that no camera took, so that it is free to ship.

Mountains are midpoint displacement (Fournier, Fussell and Carpenter 1982), clouds and haze are value noise summed over
octaves (Perlin 1985), the lake is the picture above it, upside down and shaken. Seeded: the same picture every time.
"""

from itertools import pairwise
from pathlib import Path
from random import Random

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps
from PIL.ExifTags import IFD, Base

TARGET = Path(__file__).with_name("sample.jpg")
WIDTH, HEIGHT = 2000, 1500
SHORE = 1000  # the row where the lake begins
SUN = (1330, 400)
QUALITY = 86

Colour = tuple[int, int, int]


def main() -> None:
    random = Random(1837)  # noqa: S311  (a picture, not a secret)
    above = _sky(random)
    _mountains(above, random)
    picture = Image.new("RGB", (WIDTH, HEIGHT))
    picture.paste(above, (0, 0))
    picture.paste(_lake(above, random), (0, SHORE))
    _pines(picture, random)
    grain = Image.frombytes("L", (WIDTH, HEIGHT), random.randbytes(WIDTH * HEIGHT)).filter(
        ImageFilter.GaussianBlur(0.7)
    )
    picture = Image.blend(picture, ImageChops.overlay(picture, Image.merge("RGB", [grain] * 3)), 0.1)
    picture.save(TARGET, quality=QUALITY, optimize=True, progressive=False, exif=_exif())


def _sky(random: Random) -> Image.Image:
    ramp = Image.linear_gradient("L").resize((WIDTH, SHORE))
    sky = ImageOps.colorize(ramp, (38, 64, 122), (255, 200, 138), mid=(196, 140, 160), midpoint=150)
    glow = (
        ImageOps.invert(Image.radial_gradient("L"))
        .resize((1900, 1900))
        .point(lambda level: max(0, level - 75) ** 2 / 127)
    )
    light = Image.new("L", sky.size)
    light.paste(glow, (SUN[0] - 950, SUN[1] - 950))
    sky = ImageChops.screen(sky, ImageOps.colorize(light, (0, 0, 0), (255, 226, 160), mid=(150, 84, 40)))
    clouds = _noise((WIDTH, SHORE), random, (3, 7), 6).point(lambda level: max(0, level - 118) * 2.6)
    fade = Image.linear_gradient("L").resize((WIDTH, SHORE)).point(lambda level: 255 - abs(level - 105) * 1.6)
    lit = ImageOps.colorize(ramp, (150, 132, 170), (255, 226, 190))
    return Image.composite(lit, sky, ImageChops.multiply(clouds, fade).point(lambda level: level * 0.75))


def _mountains(picture: Image.Image, random: Random) -> None:
    """Paint five ridges, the farthest first: each nearer one is darker, rougher and less veiled by haze."""
    haze: Colour = (226, 164, 146)
    for depth, (base, swing, roughness) in enumerate(
        [(640, 190, 0.50), (720, 230, 0.52), (800, 190, 0.55), (880, 150, 0.58), (950, 90, 0.62)]
    ):
        nearness = (depth + 1) / 5
        ridge = _ridge(random, base, swing, roughness)
        mask = Image.new("L", (WIDTH, SHORE))
        ImageDraw.Draw(mask).polygon([(0, SHORE), *enumerate(ridge), (WIDTH, SHORE)], fill=255)
        mask = mask.filter(ImageFilter.GaussianBlur(0.8))
        dark: Colour = (int(112 - 92 * nearness), int(96 - 62 * nearness), int(128 - 82 * nearness))
        rock = _noise((WIDTH, SHORE), random, (24, 20), 5).filter(ImageFilter.EMBOSS)
        texture = ImageOps.colorize(rock, dark, tuple(min(255, int(level * 1.9) + 14) for level in dark))
        veil = (
            Image.linear_gradient("L")
            .resize((WIDTH, SHORE))
            .point(lambda level, near=nearness, top=base: max(0, level - top * 0.2) * (1.75 - 1.55 * near))
        )
        picture.paste(Image.composite(Image.new("RGB", picture.size, haze), texture, veil), (0, 0), mask)


def _lake(above: Image.Image, random: Random) -> Image.Image:
    """Mirror what is above the shore, darker with depth, each row shifted by a ripple that grows towards the viewer."""
    depth = HEIGHT - SHORE
    mirrored = ImageOps.flip(above).resize((WIDTH, int(SHORE * 0.9))).crop((0, 0, WIDTH, depth))
    lake = Image.new("RGB", (WIDTH, depth))
    shift = 0.0
    for row in range(depth):
        shift = shift * 0.72 + random.uniform(-1, 1) * (1.5 + row / 24)
        source = min(depth - 1, max(0, row + int(random.uniform(-1, 1) * row / 40)))
        lake.paste(ImageChops.offset(mirrored.crop((0, source, WIDTH, source + 1)), int(shift), 0), (0, row))
    lake = lake.filter(ImageFilter.GaussianBlur(1.1))
    shade = Image.linear_gradient("L").resize((WIDTH, depth)).point(lambda level: 225 - level * 0.5)
    return ImageChops.multiply(lake, ImageOps.colorize(shade, (10, 22, 44), (232, 226, 236)))


def _pines(picture: Image.Image, random: Random) -> None:
    """Draw a stand of pines on either bank, against the light; twice the size, then reduced, for smooth edges."""
    mask = Image.new("L", (WIDTH * 2, HEIGHT * 2))
    draw = ImageDraw.Draw(mask)
    for side in (-1, 1):
        for _ in range(46):
            inward = random.random() ** 1.8 * 620
            x = (inward if side < 0 else WIDTH - inward * 0.7) * 2
            foot = (HEIGHT + 30 - inward * 0.16) * 2
            _pine(draw, random, (x, foot), (random.uniform(420, 900) - inward * 0.42) * 2 * 0.9)
    dark = Image.new("RGB", picture.size, (13, 16, 24))
    picture.paste(dark, (0, 0), mask.resize(picture.size, Image.Resampling.BOX))


def _pine(draw: ImageDraw.ImageDraw, random: Random, foot: tuple[float, float], height: float) -> None:
    x, y = foot
    draw.line([(x, y), (x, y - height)], fill=255, width=max(2, int(height / 90)))
    tiers = int(height / 13)
    for tier in range(tiers):
        share = tier / tiers
        reach = height * 0.17 * (1 - share) ** 0.85 * random.uniform(0.55, 1.1) + 3
        top = y - height * (0.1 + 0.9 * share)
        for side in (-1, 1):
            spread = reach * random.uniform(0.75, 1.15) * side
            droop = abs(spread) * random.uniform(0.22, 0.5)
            draw.polygon([(x, top - height * 0.02), (x + spread, top + droop), (x, top + height * 0.025)], fill=255)


def _ridge(random: Random, base: float, swing: float, roughness: float) -> list[float]:
    """Return the row of a ridge for each column."""
    heights = [random.uniform(-0.4, 0.6), random.uniform(-0.4, 0.6)]
    spread = 1.0
    while len(heights) <= WIDTH:
        middles = [(a + b) / 2 + random.uniform(-spread, spread) for a, b in pairwise(heights)]
        heights = [height for pair in zip(heights, middles, strict=False) for height in pair] + heights[-1:]
        spread *= roughness
    return [base - height * swing for height in heights[:WIDTH]]


def _noise(size: tuple[int, int], random: Random, cells: tuple[int, int], octaves: int) -> Image.Image:
    """Sum noise over octaves, each twice as fine and half as strong; stretched to the full range."""
    total = Image.new("L", size, 128)
    for octave in range(octaves):
        across, down = cells[0] << octave, cells[1] << octave
        layer = Image.frombytes("L", (across, down), random.randbytes(across * down)).resize(
            size, Image.Resampling.BICUBIC
        )
        total = Image.blend(total, layer, 1 / (octave + 1) if octave == 0 else 0.5**octave)
    return ImageOps.autocontrast(total)


def _exif() -> Image.Exif:
    exif = Image.Exif()
    exif[Base.Make], exif[Base.Model] = "Halftone", "localcloud.photo"
    exif[Base.Artist], exif[Base.Copyright] = "The Halftone authors", "CC0-1.0"
    exif[Base.Orientation] = 1
    exif.get_ifd(IFD.Exif)[Base.DateTimeOriginal] = "2026:11:21 07:42:00"
    return exif


if __name__ == "__main__":
    main()
