"""The whole of a child process of the tests: it does what each line of its input says, in Python."""

import sys


def main() -> None:
    for line in sys.stdin:
        exec(line)
        sys.stdout.flush()


if __name__ == "__main__":
    main()
