r"""The grammar of a CSV file, once as regular expressions: RFC 4180 with the liberties named here.

A record ends at LF, CRLF or a lone CR (old Macs; every reader we compared takes it so). A field
that does not begin with a quote holds the bytes as they stand, later quotes included: `a"b` is
the three characters. A field that does begin with one is read to its closing quote, after which
only a delimiter or the end of the record may follow. Pure; it reads no file.
"""

import re
from collections.abc import Mapping

import msgspec

QUOTE = b'"'
START, QUOTED = "start", "quoted"
"""The two states that are possible right after a newline: at a record's start, or in quotes."""


class Dialect(msgspec.Struct, frozen=True):
    """The grammar for one delimiter (one ASCII character) and the encoding named in messages."""

    delimiter: str
    encoding: str

    def field(self) -> re.Pattern[bytes]:
        """Matches one field and what ends it.

        Its groups: written (as it stands), quoted (doubled quotes kept), plain, end.
        """
        mark = re.escape(self.delimiter).encode()
        return re.compile(
            rb'(?P<written>"(?P<quoted>[^"]*+(?:""[^"]*+)*+)"|(?P<plain>(?:[^"%b\r\n][^%b\r\n]*+)?))'
            rb"(?P<end>%b|\r\n|\r|\n|\Z)" % (mark, mark, mark)
        )

    def transitions(self) -> Mapping[tuple[str, str], str]:
        """For bytes that end in a newline: RE2 patterns of the whole, by state before and after."""
        mark = re.escape(self.delimiter)
        inside = r'(?:[^"]|"")*'
        ended = rf'(?:(?:[^"{mark}\r\n][^{mark}\r\n]*|"{inside}")?[{mark}\r\n])*'
        closing = rf'{inside}"[{mark}\r\n]{ended}'
        return {
            (START, START): rf"^{ended}$",
            (START, QUOTED): rf'^{ended}"{inside}$',
            (QUOTED, START): rf"^{closing}$",
            (QUOTED, QUOTED): rf'^(?:{inside}|{closing}"{inside})$',
        }
