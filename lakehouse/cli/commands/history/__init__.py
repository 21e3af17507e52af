"""Commands on the past: the journal, earlier states of the lake, the audit."""
