"""Use cases of the past: the journal, the feed of its events, earlier states of the lake."""
