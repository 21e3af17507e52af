"""Route handlers, one module per subject: extract, one call to the service, convert."""
