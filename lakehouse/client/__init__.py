"""The Python client: one lake, over HTTP or opened in this process, behind one set of classes.

Owns how requests are sent, repeated and read. Must never import what serves, except when a bucket is
opened in process, and must never hold a result that the caller only iterates over.
"""
