"""The three Python steps of the ensembles, without Triton.

`decode_images` and `align_faces` are pure functions; `paste_faces` changes the target's pixels in place, and its marks
may call a signing service.
"""
