"""From an official checkpoint to an ONNX file of the user's: the only part that needs torch.

`reading` takes the tensors out of a checkpoint without running any code in it, one module per
reconstructor builds the network and fills it strictly, `export` writes ONNX with a model card and
compares it with torch, and `importing` does all of it and keeps the result in the user's folder.
Flows in: a checkpoint. Flows out: an ONNX file. May import torch and timm, within functions only,
so that the rest of the add-on works without them, and `models.reconstructors`.
"""
