"""The audit as use cases."""
