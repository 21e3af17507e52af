"""What an operator does to a lake: look it over, mend its caches, copy it, see what may be collected."""
