"""The door for agents: the Model Context Protocol over the use cases. It offers reads and dry runs alone.

Owns the messages, the tools and the size and marking of their results. Must never change the lake, and
must never put text of the lake anywhere but into JSON values and fenced text of a result.
"""
