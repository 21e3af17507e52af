"""The gateway: one address in front of the roles. It has no node, no bucket and no query engine."""
