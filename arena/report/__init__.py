"""Reports of runs, as JSON values: verdicts in, estimates with intervals out.

``readings`` brings a run's verdicts with what scoring them takes (and ``spoken`` what was said, as
counts), ``units`` groups them into what counts as one observation, ``arms`` says what sections are
about, ``rows`` makes the rows of the main table, and ``differences``, ``calibration``, ``rounds``,
``behaviour``, ``agreement``, ``cards``, ``recovered``, ``leaks`` and ``costs`` a section each;
``values`` writes an estimate, ``run`` puts the report together. Every estimator is
`arena.stats`'. What is printed or drawn of a report is the business of ``ui``.
"""

from arena.report.readings import Sample, questions_of
from arena.report.run import SECTIONS, report

__all__ = ["SECTIONS", "Sample", "questions_of", "report"]
