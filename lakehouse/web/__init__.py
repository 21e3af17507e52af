"""The HTTP edge: extract, one call to the service, convert."""
