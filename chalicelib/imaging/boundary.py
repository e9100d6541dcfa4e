"""Where a decoder's own exceptions and warnings end: nothing but the named errors of errors.py leaves imaging."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from chalicelib.errors import CorruptImage, HalftoneError, ImageTooLarge


@contextmanager
def named_errors(name: str) -> Iterator[None]:
    """Turn whatever a decoder of format `name` raises into CorruptImage, or ImageTooLarge when memory ran out.

    Decoders answer damaged files with nearly every built-in exception, and warn of what they could mend; both say
    something about the file and nothing about this program.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except HalftoneError:
        raise
    except MemoryError as error:
        raise ImageTooLarge(f"The {name} image needs more memory than there is") from error
    except Exception as error:
        raise CorruptImage(f"The {name} image is truncated or damaged and cannot be decoded") from error
