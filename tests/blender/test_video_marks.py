"""What a film's take says beside the face: confidence as a curve, gaps and cuts in the timeline."""

from __future__ import annotations

from dataclasses import replace

import bpy
import numpy as np
import pytest
from film_track import film_track

from eifer.eifer_addon import api
from eifer.eifer_addon.scene.actions import curves
from eifer.eifer_addon.scene.takes import track_from_object
from eifer.eifer_addon.scene.video_marks import (
    CONFIDENCE_PATH,
    clear_markers,
    gap_spans,
    mark_take,
    show_markers,
)
from eifer.eifer_addon.track import ExpressionTrack

LOST = (4, 5, 6, 15, 29)


def marked(obj: bpy.types.Object, track: ExpressionTrack, take: str = "film") -> bpy.types.Action:
    action = api.apply_track(bpy.context, obj, track, take=take)
    mark_take(bpy.context, obj, action, track)
    return action


def markers() -> list[tuple[str, int]]:
    found = [(marker.name, marker.frame) for marker in bpy.context.scene.timeline_markers]
    return sorted(found, key=lambda pair: pair[1])


def test_gaps_and_cuts_stand_in_the_timeline(rigged: bpy.types.Object) -> None:
    scene = bpy.context.scene
    scene.render.fps, scene.frame_start = 50, 101
    scene.timeline_markers.new("Mine", frame=3)
    marked(rigged, film_track(lost=LOST, cuts=[0.4], stopped_s=1.2))
    assert markers() == [
        ("Mine", 3), ("Face lost", 109), ("Face back", 115), ("Cut", 121), ("Face lost", 131),
        ("Face back", 133), ("Face lost", 159), ("Face back", 161), ("Import stopped", 161),
    ]  # fmt: skip
    clear_markers(scene)
    assert markers() == [("Mine", 3)]


def test_a_film_with_a_face_on_every_frame_gets_no_markers(rigged: bpy.types.Object) -> None:
    marked(rigged, film_track())
    assert markers() == []
    assert gap_spans(film_track()) == []


def test_markers_are_those_of_the_take_that_is_shown(rigged: bpy.types.Object) -> None:
    bpy.context.scene.render.fps = 25
    first = marked(rigged, film_track(lost=(3,)), "one")
    marked(rigged, film_track(lost=(20,)), "two")
    assert markers() == [("Face lost", 21), ("Face back", 22)]
    show_markers(bpy.context.scene, first)
    assert markers() == [("Face lost", 4), ("Face back", 5)]


def test_the_confidence_is_a_curve_of_the_take(rigged: bpy.types.Object) -> None:
    scene = bpy.context.scene
    scene.render.fps = 25
    track = film_track(lost=LOST)
    action = marked(rigged, track)
    curve = next(c for c in curves(rigged) if c.data_path == CONFIDENCE_PATH)
    assert len(curve.keyframe_points) == 30
    values = [curve.evaluate(1 + k) for k in range(30)]
    assert values == pytest.approx(track.confidence, abs=1e-6)
    scene.frame_set(8)
    assert rigged["confidence"] == pytest.approx(track.confidence[7])
    assert rigged.animation_data.action == action
    assert curve.group.name == "Film"


def test_a_films_take_comes_back_with_its_gaps(rigged: bpy.types.Object) -> None:
    bpy.context.scene.render.fps = 25
    track = film_track(lost=LOST)
    marked(rigged, track)
    back = track_from_object(bpy.context, rigged)
    assert back.timestamps == pytest.approx(track.timestamps, abs=1e-5)
    assert back.confidence == pytest.approx(track.confidence, abs=1e-6)
    there = track.confidence > 0
    assert back.coefficients[there] == pytest.approx(track.coefficients[there], abs=1e-5)
    assert back.head_pose[there] == pytest.approx(track.head_pose[there], abs=1e-5)


def test_a_constant_confidence_takes_nothing_from_the_track(rigged: bpy.types.Object) -> None:
    bpy.context.scene.render.fps = 25
    track = replace(film_track(), confidence=np.ones(30, np.float32))
    marked(rigged, track)
    back = track_from_object(bpy.context, rigged)
    assert len(back) == 30
    assert (back.confidence == 1).all()
