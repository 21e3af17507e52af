"""Watched sources: directories and prefixes whose new files come in by themselves."""
