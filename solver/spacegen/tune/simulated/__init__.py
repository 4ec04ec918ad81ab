"""SIMULATED servers: a formula and a process that stand in for servers where there is no GPU."""
