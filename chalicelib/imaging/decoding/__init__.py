"""From the bytes of an original to its pixels."""
