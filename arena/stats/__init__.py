"""Estimators as pure functions on arrays: no store, no truth table; callers bring the arrays.

`intervals`: an estimate with its interval. `labels`: names as codes. `clusters`: what is drawn
together. `sandwich`: robust variances; `means`: the intervals of clustered means, shares and
contrasts of arms. `accuracy`: judge accuracy. `paired`: differences on shared questions. `power`:
how many are needed. `scores`: proper scores. `calibration`: beliefs against outcomes. `behaviour`:
what debaters and judges do. `agreement`: between judges. `cards`: one card a judge. `leaks`: what
gives the truth away. `comparison`: who met whom, compressed to counts; `bradley_terry`: ratings
from them, by `newton`. `logistic`: a small dense regression.
"""
