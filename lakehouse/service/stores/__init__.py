"""Stores beside the main one: making and removing them, and copying and moving objects between them."""
