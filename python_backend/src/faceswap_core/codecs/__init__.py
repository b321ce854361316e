"""Image codecs: header inspection of untrusted files, decoding to RGB, encoding, ICC profiles, EXIF orientation."""
