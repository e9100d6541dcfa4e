"""Where a local cloud and the app on it live: a folder under `.local`, and nothing outside of it."""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCAL = ROOT / ".local"
STAGE = "local"


class LocalCloudError(Exception):
    """Something on this machine is in the way; the message says what, and what to do."""


@dataclass(frozen=True, slots=True)
class Home:
    """One local cloud's folder. `make up` has `.local`; a test session has one of its own within."""

    folder: Path = LOCAL

    @property
    def log(self) -> Path:
        """What the cloud's process says."""
        return self.folder / "cloud.log"

    @property
    def state(self) -> Path:
        """Process id and port of the running cloud."""
        return self.folder / "cloud.json"

    @property
    def scratch(self) -> Path:
        """TMPDIR of the cloud and its workers, emptied at start and stop."""
        return self.folder / "tmp"

    @property
    def app(self) -> Path:
        """The staged copy that is deployed; Chalice's `deployed` and `deployments` folders stay in it."""
        return self.folder / "app"

    @property
    def deployed(self) -> Path:
        """Fingerprint of what the running cloud was last given."""
        return self.folder / "deployed"

    @property
    def env(self) -> Path:
        """The shell exports of the running cloud."""
        return self.folder / "env"
