"""A stand-in for a server whose arguments resolve when they are told to."""

__version__ = "0.5.23"
