"""What the records of a study come to: its front as a value, as text and as JSON."""
