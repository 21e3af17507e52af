"""Signed tokens of an OpenID Connect issuer."""
