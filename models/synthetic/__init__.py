"""The simulator: what is made up, with its ground truth, and says so.

Flows in: a seed and a table of expressions (`expressions.json`). Flows out: a `Recording` whose
source is marked as simulated, and the true `Activity`; for pictures of a face, the same with
electrodes glued on (`drawn_electrodes`, `electrode_paint`), pairs of portraits (`portraits`) and
films of made-up people without and with them (`frames`, `rendered_pairs`). May import NumPy, edfio,
the nouns and file rules of `eifer_addon`, and `heads` where something is drawn.
"""
