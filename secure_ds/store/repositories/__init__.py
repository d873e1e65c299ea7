"""One repository per kind of thing. Each works on the connection of a unit of work and never commits."""
