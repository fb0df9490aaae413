"""Ways of training compared: the statistics, and the table ``pools``."""
