"""One file a kind of upstream. An exporter turns a body into one request, and the answer into a decision."""
