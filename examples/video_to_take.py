"""A film of a face becomes a take on a head with the person's identity, in a .blend.

The film's camera stands before the head, so that the avatar lies over the face, and the film is
its background. The .blend plays and renders without EIFER. Run it where bpy is installed::

    python examples/video_to_take.py smile.mp4 take.blend [FLAME.pkl]
"""

from __future__ import annotations

import sys

import bpy

from eifer import api
from eifer.eifer_addon.scene.headless import empty_scene, save_blend
from eifer.eifer_addon.scene.video_stage import set_film


def main(film: str, blend: str, head_file: str | None = None) -> None:
    head = api.load_head(head_file)
    track = api.video_to_expression(film, head=head)
    print(track.describe())

    empty_scene(track.provenance["rate_hz"])
    avatar = api.add_head(bpy.context, head, identity=track.identity)
    # Frames without a face are gaps: they get no keys, and the face rests where it was.
    api.apply_track(bpy.context, avatar, track, take="film", frame_range="fit")
    set_film(bpy.context, avatar, track, film)
    print(save_blend(blend))


if __name__ == "__main__":
    if len(sys.argv) not in {3, 4}:
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
