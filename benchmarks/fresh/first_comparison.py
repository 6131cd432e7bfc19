"""Print the seconds of a process's first touch of `dualcell.compare`, and of the first small comparison."""

import sys
from time import perf_counter

import numpy as np
import torch

import dualcell

tensor, array = torch.ones(3), np.ones(3, np.float32)
started = perf_counter()
compare = dualcell.compare  # `import dualcell` imports no part of it
touched = perf_counter()
passed = bool(compare(tensor, array))
seconds = perf_counter() - touched
if not passed:
    raise RuntimeError("dualcell says that ones differ from ones.")
sys.stdout.write(f"[{touched - started}, {seconds}]\n")
