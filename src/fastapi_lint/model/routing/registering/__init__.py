"""How routes get on a router: which verb a call is of, which route objects a list holds."""
