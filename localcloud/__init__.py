"""AWS on this machine, for development and tests; never shipped with the app."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036  (an older one gets this far, and deserves a sentence)
    sys.exit(
        "Halftone needs Python 3.11 or newer, this is %d.%d (choose another: make up PYTHON=...)" % sys.version_info[:2]
    )  # noqa: UP031
