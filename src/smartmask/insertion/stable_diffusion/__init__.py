"""Stable Diffusion by the diffusers library: crops or layouts come in, painted pictures go out.

It never loads a pickle, and never finds a mask or blends into a photo.
"""
