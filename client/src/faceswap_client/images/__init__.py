"""Images on the caller's side: inputs to encoded bytes, drawing of faces, provenance metadata."""
