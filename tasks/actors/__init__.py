"""The Ray actors that do the shards of jobs. No Prefect in here."""
