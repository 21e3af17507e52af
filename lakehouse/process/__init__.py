"""What this process needs from its machine: memory pages, the spool, rotated credentials."""
