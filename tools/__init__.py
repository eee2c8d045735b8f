"""What builds the book and is not the library."""
