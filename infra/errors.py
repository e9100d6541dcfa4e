"""What a deployment fails with."""


class DeployError(Exception):
    """The command cannot go on; the message says what to do."""
