"""Changing single rows of a dataset: which rows, their objects written anew, one event."""
