"""What intervals cover on studies whose truth is known (`designs`): at least 93.5 % of 95.

`make test` draws few studies and so allows for chance; the whole proof is `make check`, and
`benchmarks/coverage.py` prints the table.
"""

from __future__ import annotations

import designs
import designs_figures
import pytest

LEAST, MOST = 0.935, 0.97
SLACK = 3.0
"""Monte-Carlo errors that a short run may fall below."""
FEW = (4, 8, 20)
EXACT = ("share, equal clusters", "share", "mean of normal values", "stratified by honesty",
         "paired, 5 each")  # fmt: skip
"""Meant to be exact from 50 clusters on; the others may cover more than they have to."""


@pytest.mark.parametrize("name", designs.MEANT)
def test_intervals_cover_with_few_clusters(name: str) -> None:
    for clusters in FEW:
        found = designs.covered(designs.MEANT[name], clusters, 120)
        assert found.share > LEAST - SLACK * found.error, (clusters, found)


@pytest.mark.parametrize("name", EXACT)
def test_intervals_are_no_wider_than_they_have_to_be(name: str) -> None:
    found = designs.covered(designs.MEANT[name], 60, 300)
    assert LEAST - SLACK * found.error < found.share < MOST + SLACK * found.error


def test_what_ignores_clusters_is_seen_to_fail() -> None:
    """The table can say no: Wilson's interval for independent verdicts, and plain percentiles."""
    naive = designs.covered(designs.SHOWN["share, independent Wilson"], 60, 300)
    assert naive.share < 0.90
    plain = designs.covered(designs.SHOWN["share, percentiles"], 4, 150)
    assert plain.share < 0.88


@pytest.mark.check
@pytest.mark.parametrize("clusters", [4, 6, 8, 12, 20, 30, 50, 100])
@pytest.mark.parametrize("name", designs.MEANT)
def test_intervals_cover_in_two_thousand_studies(name: str, clusters: int) -> None:
    found = designs.covered(designs.MEANT[name], clusters, 2000, seed=1)
    assert found.share >= LEAST, found
    if clusters >= 50 and name in EXACT:
        assert found.share <= MOST, found


QUICK = [name for name in designs_figures.FIGURES if name not in designs_figures.SLOW]
TWO_SIDED = ("score difference, debates", "over-confidence", "temperature", "length bias",
             "position bias", "rating, sandwich", "leak, one feature")  # fmt: skip
"""Meant to be exact from 50 clusters on."""


@pytest.mark.parametrize("name", QUICK)
def test_intervals_of_other_figures_cover_with_few_clusters(name: str) -> None:
    least, trial = designs_figures.FIGURES[name]
    for clusters in (least, 20):
        found = designs.covered(trial, clusters, 80)
        assert found.share > LEAST - SLACK * found.error, (clusters, found)


@pytest.mark.check
@pytest.mark.parametrize("clusters", [4, 8, 12, 20, 50])
@pytest.mark.parametrize("name", designs_figures.FIGURES)
def test_intervals_of_other_figures_cover_in_two_thousand_studies(name: str, clusters: int) -> None:
    least, trial = designs_figures.FIGURES[name]
    if clusters < least:
        pytest.skip(f"{name}: from {least} clusters on")
    found = designs.covered(trial, clusters, 2000, seed=1)
    assert found.share >= LEAST, found
    if clusters >= 50 and name in TWO_SIDED:
        assert found.share <= MOST, found
