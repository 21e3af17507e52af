"""The environment of a server process that a test starts."""

import os


def without_settings() -> dict[str, str]:
    """This process's environment without any setting of the lakehouse."""
    return {name: value for name, value in os.environ.items() if not name.startswith("LAKEHOUSE_")}
