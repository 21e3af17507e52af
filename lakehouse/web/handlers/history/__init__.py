"""Handlers of the past: the journal, earlier states of the lake, the audit."""
