"""Git for tests: somebody's name is set, and nothing of the machine's settings has to be."""

import subprocess
from pathlib import Path

SETTINGS = ("user.name=anne", "user.email=anne@example.com", "commit.gpgsign=false")


def git(folder: Path, *arguments: str) -> str:
    options = [word for setting in SETTINGS for word in ("-c", setting)]
    done = subprocess.run(["git", *options, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()
