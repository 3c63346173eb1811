"""What is made anew with each request: through whom, of what, how it is used, whether it is kept. Judges nothing."""
