"""Whether the long sets run: more looks, more examples. `make nightly` says so by RACKHAND_NIGHTLY=1."""

import os

IS_NIGHTLY = os.environ.get("RACKHAND_NIGHTLY") == "1"
