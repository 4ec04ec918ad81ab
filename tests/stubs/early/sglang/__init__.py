"""A stand-in for a server whose arguments resolve when they are constructed."""

__version__ = "0.5.6"
