"""The bridge to Blender: the only folder under ``eifer_addon`` that imports bpy.

Head models and expression tracks flow in; rigged meshes, actions, panels and properties come
out. `rig` builds a head (mesh, shape keys, armature, drivers), `controls` sets it, `keyframes`
writes a track as one action per take, `recipes` and `edits` make its keys again from the
recording, `any_rig` and `mappings` put it on other people's avatars, `headless` and `stage`
render without a window, `panels`, `properties` and `preferences` are what a person sees.
Everything made here plays and renders without the extension and without Python in the file. May
import `eifer_addon.api` and the nouns below it, never `operators`.
"""
