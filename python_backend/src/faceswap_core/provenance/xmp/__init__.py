"""XMP mark "synthetic" (IPTC DigitalSourceType) in JPEG, PNG and WebP files."""
