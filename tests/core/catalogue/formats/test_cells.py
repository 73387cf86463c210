from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.catalogue.formats.cells import neutralise, restore


@pytest.mark.parametrize("cell", ["=SUM(A1)", "+1", "-lobster", "@cmd", "\tx", "\r", "\x00", "\x85"])
def test_a_cell_that_would_run_gets_an_apostrophe(cell):
    assert neutralise(cell) == "'" + cell


@pytest.mark.parametrize("cell", ["", "crab", "16:9", "'tis a crab", "a=b", " =1"])
def test_other_cells_are_left_alone(cell):
    assert neutralise(cell) == cell
    assert restore(cell) == cell


@given(st.text())
@example("'=1")
@example("''@")
@example("'")
def test_restore_undoes_neutralise(cell):
    assert restore(neutralise(cell)) == cell
