"""SmartBrush, an inserter (arXiv 2212.05034): a crop and a coarse mask come in; pixels and the exact mask go out.

It never touches the photo: blending is the caller's. No trained network is bundled.
"""
