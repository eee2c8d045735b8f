"""The book's experiments: each a function of its frozen settings that returns a tidy data frame."""
