"""Objects as a worker reads them: through the server, by verified blocks."""
