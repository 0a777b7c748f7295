"""What a run looks like: tables, plots, picture panels and the page that holds them together."""
