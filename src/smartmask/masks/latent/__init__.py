"""SmartMask as published (arXiv 2312.05039): scene, texts and guide come in, masks that a diffusion model draws go out.

It sees layouts and never photographs. Layout and sampler are plain functions; nothing here knows how it was trained.
"""
