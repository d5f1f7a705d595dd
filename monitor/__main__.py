"""``python -m monitor``: the same as the command ``zhiban``."""

import sys

from monitor.cli import main

sys.exit(main())
