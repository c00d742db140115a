"""The field's reconstructors: what each takes and gives, without its network.

Each module describes one back end: where its official checkpoint comes from, how a face is cut
out for it, and what its numbers mean. The networks are the user's own ONNX files, which
`models.checkpoints` makes; here is NumPy only. Flows in: landmarks and pictures, then the
network's outputs. Flows out: crops, then expression, identity, rotation and place in the crop.
`registry` finds a back end by name, `installed` finds the user's files. May import NumPy, the
model sessions and the error and file rules of `eifer_addon`.
"""
