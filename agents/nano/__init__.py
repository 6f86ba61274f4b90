"""The models that the package ships: a debater base and two judges, small enough for a laptop.

They are made by this package's own commands (``arena nano train``) on the witness world, and are
loaded as any local model is: ``local:nano`` debates, ``prompted:nano-judge`` and
``prompted:nano-judge-2`` judge.
"""
