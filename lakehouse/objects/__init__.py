"""Objects read in blocks that are proven before they are used: one reader, one cache."""
