"""Who may do what: the rules of principals, tokens and grants, and the one decision."""
