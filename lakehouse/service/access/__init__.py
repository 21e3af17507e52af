"""Access: who calls, what they may do, and how that is changed."""
