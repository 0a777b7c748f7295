"""Public data sets from the archives of their makers, laid out as the presets want them."""
