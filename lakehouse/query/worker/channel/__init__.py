"""The worker's ends of its channel: what arrives, and what is sent while the next batch is computed."""
