"""The engine on OR-Tools CP-SAT, which nothing else in the package imports."""

from spacegen.engines.cpsat.engine import CpSat

__all__ = ["CpSat"]
