"""What the server and a worker process send each other: messages, their frames, shared memory."""
