"""Where each part of a picture goes, how it is scaled, and what happens to it on the way."""
