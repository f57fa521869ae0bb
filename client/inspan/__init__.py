"""What an agent installs: `import inspan`. Depends on msgspec alone."""

__version__ = "0.1.0"
