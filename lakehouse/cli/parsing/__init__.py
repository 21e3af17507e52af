"""Parsers of the command line's arguments, one module per group of commands.

They run no command.
"""
