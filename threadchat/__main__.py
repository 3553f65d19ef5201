"""Run the server: `python -m threadchat`."""

import sys

from threadchat.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
