"""CSV in, Parquet out: nothing lost, nothing guessed."""
