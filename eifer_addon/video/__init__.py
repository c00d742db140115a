"""From pictures to numbers: find a face, crop it, read its landmarks and expression.

Images flow in as uint8 RGB arrays (H, W, 3); faces flow out as 478 MediaPipe landmarks in image
pixels with 52 ARKit scores. Coordinates are continuous: the centre of the first pixel is at
(0.5, 0.5). May import the package's nouns, `heads` and `models` (sessions, cards); never bpy
and never torch.
"""
