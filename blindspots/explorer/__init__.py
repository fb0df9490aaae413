"""A page on the loopback interface to look through a study; it needs the extra ``explore``."""
