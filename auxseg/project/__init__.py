"""A project for your own photographs: their labels in one form, and a configuration that fits."""
