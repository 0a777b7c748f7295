"""The arithmetic of the method on plain arrays: no files, no configuration, no network."""
