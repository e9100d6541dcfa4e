"""Every hostile file, and the largest sound ones, end in pictures or a named error, within bounds that are counted.

CPU time and memory are those of a fresh process under the malloc settings of the deployed functions.
"""

import pytest

from chalicelib.errors import BY_CODE, PermanentError
from tests.imaging.hostile import files
from tests.imaging.hostile.measure import cost

MOST_CPU_SECONDS = 10
MOST_MEGABYTES = 1_500

CODES = {"ok", *(code for code, error in BY_CODE.items() if issubclass(error, PermanentError))}


@pytest.mark.parametrize("name", files.EVERY)
def test_a_file_costs_no_more_than_a_function_has(name):
    make, avif_side = files.EVERY[name]
    seen = cost(make(), avif_side=avif_side)
    assert seen.outcome in ({"ok"} if name.endswith(files.SOUND) else CODES), seen.detail
    assert seen.cpu_seconds < MOST_CPU_SECONDS
    assert seen.peak_megabytes < MOST_MEGABYTES
