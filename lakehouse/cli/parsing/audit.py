"""The arguments of `lakehouse audit`. Parses; runs nothing."""

from lakehouse.cli.parsing.arguments import Commands, Parser, add_command, audit_head, number


def add_audit(commands: "Commands[Parser]") -> None:
    """`audit entries` and `audit verify`."""
    parser = add_command(commands, "audit", "Read and verify the audit")
    inner = parser.add_subparsers(dest="subcommand", required=True, metavar="COMMAND")
    entries = add_command(inner, "entries", "Print audit entries as JSON lines")
    entries.add_argument(
        "--after", default="", metavar="ID", help="print only entries after the one with this id"
    )
    entries.add_argument("--limit", type=number, metavar="N", help="print at most N entries")
    entries.add_argument(
        "--format", choices=("json", "ocsf"), default="json", help="json, or events of OCSF"
    )
    verify = add_command(
        inner, "verify", "Check that no batch of the audit is edited, missing or moved"
    )
    verify.add_argument(
        "--expect",
        type=audit_head,
        action="append",
        default=[],
        metavar="NODE:BATCH:SHA256",
        help="also require this recorded batch; may be given several times",
    )
