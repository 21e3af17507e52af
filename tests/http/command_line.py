"""The command line in this process: a command, how it ended, what it said."""

from pathlib import Path

import pytest

from lakehouse.cli.main import main


class CommandLine:
    """`lakehouse`, to be called with its words."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.messages = ""
        """What the last command printed to stderr."""

    def __call__(self, *words: str, code: int = 0) -> str:
        """Run `lakehouse words…`, assert how it ends, return its stdout (stderr if it failed)."""
        ended = main(list(words))
        out, err = self._capsys.readouterr()
        assert ended == code, (out, err)
        self.messages = err
        if code:
            assert out == "", "data alone goes to stdout"
            assert "Traceback" not in err
            return err
        return out

    def read(self) -> str:
        """What was printed to stdout since the last command."""
        return self._capsys.readouterr().out


def csv(text: str, name: str = "t.csv") -> str:
    Path(name).write_text(text)
    return name
