"""What modules are there for: tests or the application, by what each file says and by who imports it."""
