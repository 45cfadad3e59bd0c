"""What acts at the moments of a run: one extension, one file, named like its class."""
