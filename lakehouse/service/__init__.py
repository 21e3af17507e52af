"""The use cases, by subject. Doors (HTTP, the command line) call them and nothing below."""
