"""`python -m akitsu` is the command `akitsu`."""

from akitsu.cli import main

if __name__ == "__main__":
    main()
