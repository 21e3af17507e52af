"""The door for Arrow Flight SQL: gRPC over the use cases. It offers reads alone.

Owns the protocol, the server's threads and the way between them and the event loop. Must never decide
what a caller may see, and must never keep a statement between two calls: tickets and handles hold it.
"""
