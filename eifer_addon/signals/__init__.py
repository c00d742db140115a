"""Muscle signals: from a recording's raw channels to normalised activity per muscle.

In flow files (`readers`, one small module per format) and arrays; out flow `Recording` and
`Activity`. Between them stand the montage (which channel is which muscle), the filters, the
envelope and the normalisation, tied together by `convert.to_activity`. Only NumPy, SciPy and
the format libraries are imported here: no bpy, no torch, nothing from the other folders but
`errors` and `files`.
"""
