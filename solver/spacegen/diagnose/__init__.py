"""Server logs read, findings with advice, and spaces narrowed by them."""
