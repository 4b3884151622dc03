"""`python -m basedrum`: the command line."""

import sys

from basedrum.cli import main

if __name__ == "__main__":
    sys.exit(main())
