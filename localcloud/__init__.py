"""AWS on this machine, for development and tests; never shipped with the app."""

import sys

if sys.version_info < (3, 12):  # noqa: UP036  (an older one gets this far, and deserves a sentence)
    sys.exit(f"Halftone needs Python 3.12 or newer, and this is {sys.version.split()[0]}; choose another: PYTHON=...")
