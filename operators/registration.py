"""Everything that Blender is told of, added and taken away symmetrically."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy

from ..eifer_addon import files
from ..eifer_addon.scene import (
    channel_list,
    channel_rows,
    clean_up_panel,
    clean_up_settings,
    edit_panel,
    edit_settings,
    live_panel,
    live_settings,
    live_signal_panel,
    live_takes_panel,
    live_timer,
    muscle_analysis_panel,
    muscle_analysis_settings,
    muscle_panel,
    panels,
    preferences,
    properties,
    session_panel,
    session_settings,
    training_panel,
    training_settings,
    video_panel,
    video_settings,
)
from . import (
    add_head,
    analyse_muscles,
    apply_preset,
    apply_track,
    clean_up,
    edit_take,
    explain_channel,
    export_track,
    fuse,
    import_model,
    import_recording,
    import_track,
    import_video,
    live_calibrate,
    live_connect,
    live_montage,
    live_record,
    live_sources,
    live_takes,
    muscle_map,
    train_model,
    video_clean,
    video_film,
    video_pick_face,
)

#: In order of registration; the reverse takes them away.
CLASSES: tuple[type, ...] = (
    properties.EiferState,
    channel_rows.EiferChannel,
    edit_settings.EiferMuscleEdit,
    edit_settings.EiferTakeEdits,
    preferences.EiferPreferences,
    add_head.EIFER_OT_add_head,
    apply_preset.EIFER_OT_apply_preset,
    import_recording.EIFER_OT_run_import,
    import_recording.EIFER_OT_import_recording,
    import_recording.EIFER_FH_recording,
    import_model.EIFER_OT_import_model,
    import_model.EIFER_OT_run_model_import,
    import_model.EIFER_OT_remove_model,
    import_track.EIFER_OT_import_track,
    import_track.EIFER_FH_track,
    *video_settings.CLASSES,
    import_video.EIFER_OT_run_video,
    import_video.EIFER_OT_import_video,
    import_video.EIFER_OT_resume_video,
    import_video.EIFER_OT_stop_video,
    import_video.EIFER_FH_video,
    video_film.EIFER_OT_show_film,
    video_film.EIFER_OT_add_film,
    *video_clean.CLASSES,
    video_pick_face.EIFER_OT_pick_video_face,
    *clean_up_settings.CLASSES,
    *clean_up.CLASSES,
    *session_settings.CLASSES,
    *fuse.CLASSES,
    *training_settings.CLASSES,
    *train_model.CLASSES,
    export_track.EIFER_OT_export_track,
    explain_channel.EIFER_OT_explain_channel,
    edit_take.EIFER_OT_remake_take,
    edit_take.EIFER_OT_edit_take,
    apply_track.EIFER_OT_apply_track_to_selected,
    muscle_map.EIFER_OT_show_muscle_map,
    *muscle_analysis_settings.CLASSES,
    *analyse_muscles.CLASSES,
    *live_settings.CLASSES,
    live_connect.EIFER_OT_live_connect,
    live_connect.EIFER_OT_live_disconnect,
    live_connect.EIFER_OT_live_escape,
    live_sources.EIFER_OT_live_refresh,
    live_sources.EIFER_OT_live_play,
    live_record.EIFER_OT_live_record,
    live_record.EIFER_OT_live_stop,
    live_record.EIFER_OT_live_retake,
    live_calibrate.EIFER_OT_live_calibrate,
    live_calibrate.EIFER_OT_live_calibration_step,
    live_takes.EIFER_OT_live_audition,
    live_takes.EIFER_OT_live_keep,
    live_takes.EIFER_OT_live_delete,
    live_takes.EIFER_OT_live_rate,
    live_takes.EIFER_OT_live_recover,
    live_takes.EIFER_OT_live_dismiss,
    live_montage.EIFER_OT_live_montage,
    panels.VIEW3D_PT_eifer_rig,
    live_panel.EIFER_UL_sources,
    live_takes_panel.EIFER_UL_live_takes,
    live_panel.VIEW3D_PT_eifer_live,
    live_panel.VIEW3D_PT_eifer_live_avatars,
    live_signal_panel.VIEW3D_PT_eifer_live_bars,
    live_signal_panel.VIEW3D_PT_eifer_live_channels,
    live_panel.VIEW3D_PT_eifer_live_response,
    live_signal_panel.VIEW3D_PT_eifer_live_calibration,
    live_takes_panel.VIEW3D_PT_eifer_live_takes,
    live_panel.VIEW3D_PT_eifer_live_settings,
    live_panel.VIEW3D_PT_eifer_live_sending,
    panels.VIEW3D_PT_eifer_recordings,
    channel_list.EIFER_UL_channels,
    channel_list.VIEW3D_PT_eifer_channels,
    edit_panel.VIEW3D_PT_eifer_take_edits,
    training_panel.VIEW3D_PT_eifer_training,
    video_panel.VIEW3D_PT_eifer_video,
    clean_up_panel.VIEW3D_PT_eifer_clean_up,
    session_panel.VIEW3D_PT_eifer_session,
    muscle_panel.VIEW3D_PT_eifer_muscles,
    muscle_analysis_panel.VIEW3D_PT_eifer_muscle_analysis,
)
_MENUS = (
    ("VIEW3D_MT_mesh_add", panels.draw_add_menu),
    ("TOPBAR_MT_file_import", panels.draw_import_menu),
    ("TOPBAR_MT_file_export", panels.draw_export_menu),
)
_PACKAGE = __package__.rpartition(".")[0]
#: What can only be taken away with its handle.
_commands: list[Any] = []
_keys: list[Any] = []


def is_registered() -> bool:
    """Whether :func:`register` has run."""
    return hasattr(bpy.types.WindowManager, properties.STATE)


def register() -> None:
    """Add classes, state, menu entries and the ``eifer`` command; twice is the same as once."""
    if is_registered():
        return
    if _PACKAGE.startswith("bl_ext."):
        files.set_user_folder(Path(bpy.utils.extension_path_user(_PACKAGE)))
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    properties.add_state()
    video_settings.add_state()
    edit_settings.add_settings()
    clean_up_settings.add_settings(clean_up.on_slider)
    session_settings.add_settings(fuse.on_offset)
    training_settings.add_settings()
    muscle_analysis_settings.add_settings()
    live_settings.add_settings(live_timer.on_follow)
    live_timer.register()
    _keys.extend(live_connect.add_keys())
    for menu, draw in _MENUS:
        getattr(bpy.types, menu).append(draw)
    _commands.append(bpy.utils.register_cli_command("eifer", run_command))


def unregister() -> None:
    """Take away what :func:`register` added; without it, do nothing."""
    if not is_registered():
        return
    while _commands:
        bpy.utils.unregister_cli_command(_commands.pop())
    for menu, draw in reversed(_MENUS):
        getattr(bpy.types, menu).remove(draw)
    # What is live ends while the settings are still there.
    live_connect.remove_keys(_keys)
    live_timer.unregister()
    live_settings.remove_settings()
    muscle_analysis_settings.remove_settings()
    training_settings.remove_settings()
    session_settings.remove_settings()
    clean_up_settings.remove_settings()
    edit_settings.remove_settings()
    video_settings.remove_state()
    properties.remove_state()
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
    files.set_user_folder(None)


def run_command(argv: list[str]) -> int:
    """``blender --command eifer VERB …``: verbs and exit codes of the ``eifer`` command."""
    from ..eifer_addon import cli

    return cli.main(argv)
