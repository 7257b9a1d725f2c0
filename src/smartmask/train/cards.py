"""What graphics cards are said to do."""

from __future__ import annotations

# Dense bfloat16 (float16) operations a second that NVIDIA states, by what names of devices hold; longer names first.
STATED = {
    "H200": 989e12, "H100 PCIe": 756e12, "H100": 989e12, "A100": 312e12, "L40S": 362e12, "RTX 4090": 165e12,
    "RTX 3090": 71e12, "L4": 121e12,
}  # fmt: skip
