"""The rules of watched sources."""
