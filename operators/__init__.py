"""Blender operators, thin: read properties, call `eifer_addon.api`, report.

One file per job. What a person chose flows in as operator properties; a finished job, or one
sentence with a cause and a remedy, flows out. `base` holds the one error boundary, `registration`
adds and takes away everything that Blender is told of. May import `eifer_addon`, is imported by
the root's `register()` only.
"""
