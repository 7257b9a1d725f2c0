"""SmartBrush, an inserter (arXiv 2212.05034): a crop and a mask that may be coarse come in; pixels and exact mask go out.

It never touches the photo: blending is the caller's. No trained network is bundled.
"""
