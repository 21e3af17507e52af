"""HTTP below the handlers: connections, bodies, conditional requests, encodings, problems."""
