"""The console's pages of notifications."""
