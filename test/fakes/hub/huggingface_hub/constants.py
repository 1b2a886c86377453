"""Where the cache is."""

import os

HF_HUB_CACHE = os.environ["HF_HUB_CACHE"]
