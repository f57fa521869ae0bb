"""The configuration: parsed once, from a file and an environment that are handed in."""
