"""Rules of the book-keeping engine, one file per kind of layer."""
