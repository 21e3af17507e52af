"""The one description of every answer and parameter: what handlers send, OpenAPI says, clients decode."""
