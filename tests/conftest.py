"""What holds for every test process."""

import os

from hypothesis import settings

# The same examples on every machine; `pytest --hypothesis-profile default` looks for new ones.
settings.register_profile("repeatable", derandomize=True)
settings.load_profile("repeatable")

if "PYTEST_XDIST_WORKER" in os.environ:
    # One worker per core: PyTorch's own threads on top of that wait for each other, five times as long.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
