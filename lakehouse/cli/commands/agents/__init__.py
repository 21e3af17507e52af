"""`lakehouse mcp`: the command for agents."""
