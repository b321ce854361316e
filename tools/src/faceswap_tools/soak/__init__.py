"""Mixed traffic for a while, to see whether anything in the server only ever grows."""
