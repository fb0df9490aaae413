"""Table 5: AlexNet's layers beside the paper's."""
