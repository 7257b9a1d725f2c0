"""What the package says of itself: its version, and where its bundled weights lie."""

from pathlib import Path

VERSION = "0.1.0"  # as in pyproject.toml
WEIGHTS = Path(__file__).parents[1] / "weights"
BUNDLED_MASKS = WEIGHTS / "small"
BUNDLED_PLANNER = WEIGHTS / "planner"
BUNDLED_TEXT = BUNDLED_MASKS / "text"
