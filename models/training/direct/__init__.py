"""The translator trained directly: pairs of a face with and without electrodes, one network.

Flows in: portraits and rendered heads onto which electrodes are drawn (`pairs`, `bank`). Flows out:
an ONNX file that takes a crop and gives the clean crop and what was covered. Unlike the paper's
cycle (`models.training.cycle`) it needs no reference film of the same person.
"""
