"""Fixtures that every test may use."""

import pytest
from fakes import FakeClock


@pytest.fixture
def clock():
    return FakeClock()
