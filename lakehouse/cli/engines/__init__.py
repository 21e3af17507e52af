"""Other engines that `lakehouse sql --engine` sends statements to.

Owns their protocols and addresses. Must never open the bucket, and never send a statement twice.
"""
