"""Data sets in their own layouts, each read into the same records."""
