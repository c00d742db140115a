"""Networks and weights: ONNX files in, arrays out.

`cards` and `sessions` load a model after looking into its bytes (`onnx_guard`); `emg2exp` turns
`Activity` into `ExpressionTrack`; `baseline` builds our own small model from the table in
``weights/``; `reconstructors` say how the field's networks see a face and what their numbers mean,
`checkpoints` turn an official checkpoint into the user's own ONNX file; `synthetic` simulates
recordings with known truth. Flows in: arrays and the nouns of `eifer_addon`. Flows out: arrays and
tracks. May import NumPy, onnxruntime and the nouns and error and file rules of `eifer_addon`; torch
only below `training/` and within `checkpoints/`, onnx only in `baseline`, bpy nowhere.
"""
