"""Browsers at the door: their cookies, their sessions, and their requests as visits of the console."""
