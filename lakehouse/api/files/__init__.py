"""What a file that was read says of itself."""
