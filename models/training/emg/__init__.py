"""EMG2Exp and Exp2EMG: networks, data and training of the link between muscles and expression.

`networks` maps muscles to expressions and back, per frame, causally or with a look ahead;
`clips` are pairs of activity and coefficients from sessions, `simulated` makes them with the
simulator, `examples` draws training examples, `task` trains and exports, `default_weights` makes
the files in ``models/weights``. Flows in: sessions on disk or simulated ones. Flows out: ONNX files
with cards that `models.emg2exp` and `models.exp2emg` run.
"""
