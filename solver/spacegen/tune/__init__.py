"""Feasible configs measured on servers, and the study that looks for the best of them."""
