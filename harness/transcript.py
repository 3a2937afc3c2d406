"""How much of a conversation a cell keeps: bounded in frames and in bytes a frame."""

from __future__ import annotations

#: Bytes of one frame that are kept.
LONGEST = 512
#: Frames of one cell that are kept: the first half and the last half of them.
MOST = 160
