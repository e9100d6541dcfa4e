"""Run the preview in an environment of its own, which is made first where it is missing or out of date.

Standard library only. The working folder stays, so that paths on the command line are the caller's.
"""

import os
import sys

from localcloud import venvs
from localcloud.home import LOCAL, ROOT, LocalCloudError

ENVIRONMENT = LOCAL / "venv-preview"


def main() -> None:
    try:
        venvs.ensure(ENVIRONMENT, ROOT / "requirements.txt")
    except LocalCloudError as error:
        sys.exit(f"halftone: {error}")
    python = str(venvs.python(ENVIRONMENT))
    os.execv(python, [python, "-P", "-m", "preview", *sys.argv[1:]])  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
