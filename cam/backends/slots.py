"""How many forward passes run at once, whatever runs them."""

import os

from cam.backends.turns import Turns
from cam.settings import read_settings

# A pass has two cores, or as many as TensorFlow is told, whatever runs it; more at a time would only wait and hold more
# memory.
_CORES_A_PASS = int(os.environ.get("TF_NUM_INTRAOP_THREADS") or 2)
PASSES = read_settings().passes or max(1, (os.cpu_count() or 1) // _CORES_A_PASS)
SLOTS = Turns(PASSES)
