"""What a place of a page looks like: its colours as they are painted."""

from __future__ import annotations

import io
from collections import Counter
from typing import Any

from PIL import Image

from tests.core.test_contrast import contrast

__all__ = ["colours_of", "contrast"]


def colours_of(place: Any, fewest: float = 0.02) -> list[tuple[int, int, int]]:
    """The colours of a place, those of most pixels first; each red, green and blue from 0 to 255.

    Args:
        place: on a page.
        fewest: a share of the pixels; colours of fewer are the soft edges of letters.
    """
    image = Image.open(io.BytesIO(place.screenshot(animations="disabled", caret="hide"))).convert("RGB")
    counted = Counter(image.get_flattened_data() if hasattr(image, "get_flattened_data") else image.getdata())
    return [colour for colour, count in counted.most_common() if count >= fewest * image.width * image.height]
