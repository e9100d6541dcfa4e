"""AWS on this machine, for development and tests; never shipped with the app."""
