"""The page of one dataset: a module for each of its tabs, and one for what its forms change."""
