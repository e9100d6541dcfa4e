"""`python -m bench.environment`: make the benchmark's own virtual environment; it keeps numpy away from the app's."""

from pathlib import Path

from localcloud import venvs
from localcloud.home import LOCAL

VENV = LOCAL / "bench" / "venv"
REQUIREMENTS = Path(__file__).with_name("requirements.txt")

if __name__ == "__main__":
    venvs.ensure(VENV, venvs.APP_REQUIREMENTS, REQUIREMENTS)
