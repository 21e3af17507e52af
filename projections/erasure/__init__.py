"""Erasures: what took the place of which blob, and earlier moments read through that."""
