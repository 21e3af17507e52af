"""Answers about the audit."""
