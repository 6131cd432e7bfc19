"""Print the seconds of a process's first small comparison."""

import sys
from time import perf_counter

import numpy as np
import torch

import dualcell

tensor, array = torch.ones(3), np.ones(3, np.float32)
started = perf_counter()
passed = bool(dualcell.compare(tensor, array))
seconds = perf_counter() - started
if not passed:
    raise RuntimeError("dualcell says that ones differ from ones.")
sys.stdout.write(f"{seconds}\n")
