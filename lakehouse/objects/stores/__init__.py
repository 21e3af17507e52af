"""Objects in several stores: where the copies lie, which is read first, and the next one when it fails."""
