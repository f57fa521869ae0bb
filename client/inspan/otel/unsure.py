"""What our encoder says of what it does not know."""


class Unsure(Exception):
    """Not known here exactly: the library may, and is asked instead."""
