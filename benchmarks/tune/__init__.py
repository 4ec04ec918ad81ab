"""Samplers side by side: how good the fronts are that they find, and what a proposal costs."""
