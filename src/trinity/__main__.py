"""`python -m trinity` and the `trinity` command."""

from trinity.cli import main

if __name__ == "__main__":
    main()
