"""Spaces narrowed by what logs and measurements show."""
