"""CSV (RFC 4180 with the liberties that dialect.py names)."""
