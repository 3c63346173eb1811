"""Which functions can hold up requests: those that a request reaches while an application serves. Judges nothing."""
