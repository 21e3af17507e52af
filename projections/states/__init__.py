"""States of a journal over time: from a checkpoint, up to date, and past. Must never fold events itself."""
