"""The command line's arguments, one module per group of commands. Parses; runs nothing."""
