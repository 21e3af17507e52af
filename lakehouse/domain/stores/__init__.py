"""Stores beside the main one: what may be asked of them, and when that is refused."""
