"""Processes of one machine that hand their changes to one of them, which commits all in one slot."""
