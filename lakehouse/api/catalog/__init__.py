"""The catalog: datasets, definitions, derivations, and several changes as one. Pure."""
