"""Checks that a store has the properties that the journal needs: all of them, or the cheap ones at start."""
