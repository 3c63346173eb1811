"""Which bodies a name stands for: what decorators make of a function, who implements a protocol, what validates."""
