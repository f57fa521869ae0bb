"""The page at `/`, for people: a few files, read once, which fetch nothing from anywhere but here."""

from inspan_collector.page.page import Page

__all__ = ["Page"]
