"""Builds the image, measures it, and asks what is known against it. The standard library alone."""
