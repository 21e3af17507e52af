"""Use cases of the catalog: datasets, views, profiles, and several changes as one."""
