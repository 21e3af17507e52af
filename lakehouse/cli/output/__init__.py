"""What a command prints: lines, tables, progress."""
