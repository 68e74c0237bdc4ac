"""`make bench`: what the ledger and the end of the day cost, each beside a limit measured in the same run."""
