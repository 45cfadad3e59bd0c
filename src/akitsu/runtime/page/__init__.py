"""The page of `akitsu watch --serve`: what the robot sees, in a browser (extra `live`)."""
