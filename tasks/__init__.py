"""The hands: one Prefect task a job. No mathematics."""
