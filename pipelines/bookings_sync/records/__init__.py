"""Records: the bytes of a reply become typed, keyed Arrow rows."""
