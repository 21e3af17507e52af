"""One file without some of its rows, or with new values in some, by a process of its own."""
