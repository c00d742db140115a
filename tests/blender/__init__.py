"""Tests that need bpy: the rig, the keys, the operators."""
