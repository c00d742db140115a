"""Head models and what is fixed to their surface.

Files flow in (a FLAME model, the open head) and become a `HeadModel` in metres, +y up, +z forward,
+x the subject's left. Around it: a software rasteriser, the 478 landmarks found on its picture,
electrodes, dense correspondence between two heads, and the 52 ARKit units on any head. May import
the package's nouns and `video` (to read a face off a picture); never bpy and never torch.
"""
