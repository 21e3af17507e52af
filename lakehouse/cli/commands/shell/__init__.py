"""`lakehouse shell`: SQL at a prompt. Asks the lake as any client does; must never open a bucket itself."""
