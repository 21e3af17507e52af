"""The table of error codes, by what is wrong: the request, its target, its content, the server. Pure."""
