"""What every test needs: the same arithmetic on every machine, and what is made once for all of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from nursery import Nursery

torch.set_num_threads(1)
torch.cpu.get_capabilities = dict  # so that precision `auto` is the same on every processor

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"


@pytest.fixture
def shared_folder() -> Path:
    """The folder of research songs beside the checkout; tests that need it skip where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("needs the folder ../shared of research songs, which users do not have")
    return SHARED


@pytest.fixture(scope="session")
def practice_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small prepared dataset of practice songs, made once."""
    from basedrum.app import prepare_practice

    return prepare_practice(tmp_path_factory.mktemp("practice"), count=32, progress=False)


@pytest.fixture(scope="session")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    """A process that has torch imported and forks a child for each command that needs one of its own."""
    nursery = Nursery(tmp_path_factory.mktemp("nursery"))
    yield nursery
    nursery.close()
