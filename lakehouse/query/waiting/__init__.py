"""Queries that wait: whose turn it is, and which have to leave."""
