"""A program whose import starts a thread, which a fork server must not have."""

import threading


def main() -> None:
    """Do nothing."""


threading.Thread(target=threading.Event().wait, daemon=True).start()
