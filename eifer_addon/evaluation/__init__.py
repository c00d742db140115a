"""How good the networks are, on people who were never trained on: functions that give tables.

Flows in: portraits, rendered subjects, sessions. Flows out: numbers by name. NumPy and SciPy only.
"""
