"""Print the seconds of `%load_ext dualcell` in a new IPython shell."""

import sys
from time import perf_counter

from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell.instance()
started = perf_counter()
shell.run_line_magic("load_ext", "dualcell")
seconds = perf_counter() - started
if shell.find_cell_magic("dual") is None:
    raise RuntimeError("%load_ext dualcell defined no %%dual.")
sys.stdout.write(f"{seconds}\n")
