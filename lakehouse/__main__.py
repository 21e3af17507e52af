"""The start of the process, for `lakehouse …` and `python -m lakehouse …`.

Must import nothing of the program before Ctrl-C is handled.
"""

import signal


def main() -> None:
    """Run one command and end the process with its exit code; by SIGINT after Ctrl-C."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        # Python's own handler would print a traceback of whatever is being imported.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    import sys

    from lakehouse.cli.main import INTERRUPTED
    from lakehouse.cli.main import main as run
    from lakehouse.process.imports import refuse_pandas

    refuse_pandas()
    code = run()
    if code == INTERRUPTED:
        # A shell stops a script or a loop only when it sees that the signal ended the command.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.raise_signal(signal.SIGINT)
    sys.exit(code)


if __name__ == "__main__":
    main()
