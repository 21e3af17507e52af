"""The rules by subject: what each command needs, and when it is refused. All pure."""
