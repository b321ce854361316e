"""Marking results as synthetic, accounting for them, and refusing what must be refused.

`xmp_mark` writes the IPTC mark, `signing` adds a C2PA manifest, `visible_label` draws "AI" into the frame,
`audit` builds one line per request, `content_gate` decides from a classifier's scores. All of them are pure
functions or small objects without Triton. `c2pa` and `cryptography` are imported only when they are used.
"""
