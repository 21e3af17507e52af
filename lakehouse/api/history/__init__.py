"""The past: the journal, where rows come from, earlier states of the lake. Pure."""
