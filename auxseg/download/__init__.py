"""Public data sets from their official archives, laid out as the presets want them."""
