"""Where the exceptions and warnings of codecs end: nothing but the named errors of errors.py leaves imaging."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from chalicelib.errors import CorruptImage, HalftoneError, InvalidRequest, ResourcesExceeded, UnsupportedFormat

UNFORESEEN = "The image is damaged in a way that was not foreseen, and cannot be processed"


_WITHOUT_MEMORY = ("Out of memory", "Encoding of color planes failed", "Encoding of alpha planes failed")
"""How the messages end that Pillow takes from libavif when an allocation fails, in it or in libaom; what else libaom
could refuse was checked before."""


@contextmanager
def only_named_errors() -> Iterator[None]:
    """Turn whatever else leaves imaging into CorruptImage (UNFORESEEN), or ResourcesExceeded when memory ran out.

    It is the last resort, for what no boundary closer to its cause has named: the same bytes would end the same way
    again. The message is one that no other error has, so that tests can tell a gap from a damaged file.
    """
    try:
        yield
    except HalftoneError:
        raise
    except MemoryError as error:
        raise ResourcesExceeded("The image and its variants need more memory than there is") from error
    except Exception as error:
        raise CorruptImage(UNFORESEEN) from error


@contextmanager
def named_errors(name: str) -> Iterator[None]:
    """Turn whatever a decoder of format `name` raises into CorruptImage, or ResourcesExceeded when memory ran out.

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
        raise ResourcesExceeded(f"The {name} image needs more memory than there is") from error
    except Exception as error:
        raise CorruptImage(f"The {name} image is truncated or damaged and cannot be decoded") from error


@contextmanager
def known_kinds(name: str) -> Iterator[None]:
    """Turn what a decoder of format `name` says to a kind of file that it does not know into UnsupportedFormat.

    A decoder of Pillow that opens a file raises SyntaxError for what it understands and cannot decode, that of BMP
    OSError. Where the file ends too early, or a number makes no sense, another error is the cause of that one; KeyError
    is what an unknown number in a table of kinds ends in.
    """
    try:
        yield
    except (SyntaxError, OSError) as error:
        known = isinstance(error, OSError) and name != "bmp"
        if known or not isinstance(error.__cause__, KeyError | None):
            raise
        raise UnsupportedFormat(f"The {name} image is of a kind that cannot be decoded here") from error


@contextmanager
def encodable(name: str, target: str) -> Iterator[None]:
    """Turn what an encoder raises for the variant `name` into InvalidRequest, or ResourcesExceeded without memory."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except HalftoneError:
        raise
    except MemoryError as error:
        raise ResourcesExceeded(f"Variant {name!r} needs more memory than there is") from error
    except Exception as error:
        if str(error).endswith(_WITHOUT_MEMORY):
            raise ResourcesExceeded(f"Variant {name!r} needs more memory than there is") from error
        raise InvalidRequest(f"Variant {name!r} cannot be encoded as {target}", field="format") from error
