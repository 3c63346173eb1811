"""Light type inference, one module a question; `inference` puts the parts together."""
