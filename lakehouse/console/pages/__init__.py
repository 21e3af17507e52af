"""The pages of the console, each a function from a visit to what it shows."""
