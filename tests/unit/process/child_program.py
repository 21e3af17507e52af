"""The whole of a child process of the tests: it does what its input says, in Python."""

import sys


def main() -> None:
    exec(sys.stdin.read())


if __name__ == "__main__":
    main()
