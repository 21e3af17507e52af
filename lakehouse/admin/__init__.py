"""Operator's tasks on a lake: inspect it, repair caches, copy it, test its store, what-if states."""
