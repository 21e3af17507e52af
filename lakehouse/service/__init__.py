"""The use cases: the only door, for HTTP, the command line and whatever comes later."""
