"""From a finished picture to a file."""
