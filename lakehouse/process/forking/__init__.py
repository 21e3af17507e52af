"""A process that forks others: it has imported what they need, and they share that memory."""
