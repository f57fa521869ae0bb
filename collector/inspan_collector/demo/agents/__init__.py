"""The agents of the demo: programs of their own that know a socket and nothing else of inspan."""
