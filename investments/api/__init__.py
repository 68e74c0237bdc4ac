"""Products and positions over HTTP. Contract: docs/api, "Investing"."""
