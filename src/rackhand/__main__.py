"""`python -m rackhand`: the same as the command `rackhand`."""

from rackhand.cli.main import main

main()
