"""What a process remembers so that a read costs what it shows: never the only place of a fact."""
