"""Erasure: its rules, and the literals of a condition."""
