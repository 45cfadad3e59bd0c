"""Other people's weight files: one format, one file."""
