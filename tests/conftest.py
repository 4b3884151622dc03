"""What every test needs: one thread, and the folder of real songs where there is one."""

from pathlib import Path

import pytest
import torch

torch.set_num_threads(1)

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"


@pytest.fixture
def shared_folder() -> Path:
    """The folder of research songs beside the checkout; tests that need it skip where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("needs the folder ../shared of research songs, which users do not have")
    return SHARED
