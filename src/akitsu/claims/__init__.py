"""What papers promise, each run in seconds: one paper, one file."""
