"""The simulator: what is made up, with its ground truth, and says so.

Flows in: a seed and a table of expressions (`expressions.json`). Flows out: a `Recording` whose
source is marked as simulated, and the true `Activity`. May import NumPy, edfio and the nouns and
file rules of `eifer_addon`.
"""
