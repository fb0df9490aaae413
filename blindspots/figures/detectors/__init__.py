"""Figure 6: pictures that a linear detector on frozen features no longer detects."""
