"""Face detection and alignment: letterbox, SCRFD decoding, face selection, landmark alignment."""
