"""Where the exceptions and warnings of codecs end: nothing but the named errors of errors.py leaves imaging."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from chalicelib.errors import CorruptImage, HalftoneError, InvalidRequest, ResourcesExceeded


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
        raise InvalidRequest(f"Variant {name!r} cannot be encoded as {target}", field="format") from error
