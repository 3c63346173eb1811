"""What runs at the same time, what nobody waits for, and what a coroutine holds meanwhile. Judges nothing."""
