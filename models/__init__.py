"""Networks and weights: ONNX files in, arrays out.

`cards` and `sessions` load a model after looking into its bytes (`onnx_guard`); `emg2exp` turns
`Activity` into `ExpressionTrack`; `baseline` builds our own small model from the table in
``weights/``; `synthetic` simulates recordings with known truth. Flows in: arrays and the nouns of
`eifer_addon`. Flows out: arrays and tracks. May import NumPy, onnxruntime and the nouns and error
and file rules of `eifer_addon`; torch only below `training/`, onnx only in `baseline`, bpy nowhere.
"""
