"""Answers and parameters of maintenance. Pure."""
