"""What the add-on is: recordings, heads and videos in, expression tracks, rigs and films out.

`api` is the product, one function per job; `cli` and `verbs` are its door from a terminal.
`signals` turns recordings into muscle activity, `heads` holds head models, `video` reads and writes
pictures, `scene` is the bridge to Blender and the only folder here that imports bpy. The nouns
(`track`, `spaces`, `heads.model`, `signals.recording`, `signals.activity`) know nothing of any of
them. Imports point one way: scene and verbs, api, then signals, heads and video, then models.
"""
