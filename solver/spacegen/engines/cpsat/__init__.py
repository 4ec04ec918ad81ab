"""The engine on OR-Tools CP-SAT, which nothing else in the package imports."""

from spacegen.engines.cpsat.engine import CpSat
from spacegen.engines.cpsat.whole import accepts, cp_model_of

__all__ = ["CpSat", "accepts", "cp_model_of"]
