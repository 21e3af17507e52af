"""What we do: decide commands, read CSV, answer SQL, serve HTTP."""
