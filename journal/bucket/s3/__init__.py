"""A bucket in an S3 store."""
