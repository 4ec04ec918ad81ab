"""What logs show about launches, and what to do about it: rules from a launch to findings."""
