"""The connections of a server: how many there may be, who is at the other end, and how fast it must be."""
