"""The whole of a child process of the tests: it does what its input says, in Python."""

import sys

if __name__ == "__main__":
    exec(sys.stdin.read())
