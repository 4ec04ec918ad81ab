"""A study: who runs its trials, what it remembers, and how it goes on after an interruption."""
