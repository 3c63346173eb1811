"""How an answer leaves: response objects, errors, returned values, and which status somebody has decided on."""
