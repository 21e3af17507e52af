"""How this process deals with its machine: memory, rotated credentials."""
