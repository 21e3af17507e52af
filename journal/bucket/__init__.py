"""The port to a bucket, and its adapters, which are loaded when a bucket is opened."""
