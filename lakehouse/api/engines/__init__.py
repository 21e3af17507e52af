"""Parameters and answers of the doors for other engines. Pure."""
