"""Pictures in folders as a data set: which files are of which class, checked once, decoded when they are asked for."""
