"""What is known about secrets: how they look, what takes them, where texts hold them, and signed tokens."""
