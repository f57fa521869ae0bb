"""The one buffer of a destination: its bounds and books, and what is kept in it in which order."""
