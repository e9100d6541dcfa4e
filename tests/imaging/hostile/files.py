"""Every hostile file, and the largest sound ones of each format; each is made when it is asked for."""

from collections.abc import Callable

from tests.imaging.hostile import avifs, bmps, gifs, jpegs, moving, pngs, tiffs, webps

SOUND = " MP"
"""How the names of those end which are no attack, and come out."""

EVERY: dict[str, tuple[Callable[[], bytes], int | None]] = {
    **{
        name: (make, None)
        for module in (bmps, pngs, tiffs, gifs, jpegs, webps, avifs, moving)
        for name, make in module.FILES.items()
    },
    **avifs.AD_HOC,
}
"""What makes each file, and the side of the AVIF that is ordered of it in place of the default pipeline's variants."""
