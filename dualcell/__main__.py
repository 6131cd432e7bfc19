"""`python -m dualcell`: the command `dualcell`."""

import sys

from dualcell.command import main

sys.exit(main())
