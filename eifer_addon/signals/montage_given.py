"""What a user says about channels: targets by channel or pair become matches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..errors import EiferError
from .montage_files import PairKey
from .montage_names import ChannelMatch, match_name, muscle_names
from .montage_schemes import fridlund_code
from .pairs import pair_name, split_pair


def match_targets(
    names: Sequence[str], targets: Mapping[PairKey, str | None], origin: str
) -> tuple[ChannelMatch, ...]:
    """Matches of all channels and of the pairs that `targets` name.

    Parameters
    ----------
    names : sequence of str
        Channels of the recording; those that `targets` does not name stay unmapped.
    targets : mapping
        Muscle with or without side by channel, by ``"A - B"`` or by (plus, minus); None for none.
    origin : str
        Where it comes from, for the sentences.

    Raises
    ------
    EiferError
        For a channel that was not recorded or a muscle that is not known.
    """
    single: dict[str, ChannelMatch] = {}
    pairs: list[ChannelMatch] = []
    for key, target in targets.items():
        muscle, side = muscle_of(target, origin)
        pair = key if isinstance(key, tuple) else None
        if pair is None and key not in names:
            pair = split_pair(str(key), names)
        if pair is None and isinstance(key, str):
            if key not in names:
                raise EiferError(
                    f"The montage ({origin}) names the channel '{key}', which the recording lacks.",
                    f"Its channels are: {', '.join(names)}.",
                )
            single[key] = ChannelMatch(key, muscle, side, float(muscle is not None))
        elif pair is not None:
            _check_pair(pair, names, origin)
            if muscle is not None:
                pairs.append(ChannelMatch(pair_name(*pair), muscle, side, 1.0, pair))
    return (*(single.get(name, ChannelMatch(name)) for name in names), *pairs)


def _check_pair(pair: tuple[str, str], names: Sequence[str], origin: str) -> None:
    for name in pair:
        if name not in names:
            raise EiferError(
                f"The montage ({origin}) names the pair '{pair_name(*pair)}', and '{name}' was "
                "not recorded.",
                f"The channels are: {', '.join(names)}.",
            )
    if pair[0] == pair[1]:
        raise EiferError(
            f"The montage ({origin}) pairs '{pair[0]}' with itself.", "Name two channels."
        )


def muscle_of(target: str | None, origin: str) -> tuple[str | None, str | None]:
    """Muscle and side of a target; None and None for no muscle."""
    if target is None or target.strip().lower() in ("", "none"):
        return None, None
    match = fridlund_code(target) or match_name(target)
    if match.muscle is None:
        raise EiferError(
            f"The montage ({origin}) names the unknown muscle '{target}'.",
            f"Muscles are: {', '.join(muscle_names())}.",
        )
    return match.muscle, match.side
