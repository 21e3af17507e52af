"""The whole of a child process of the tests: it does what each line of its input says, in Python."""

import sys

if __name__ == "__main__":
    for line in sys.stdin:
        exec(line)
        sys.stdout.flush()
