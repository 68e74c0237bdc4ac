"""What must be seen, answered and declared before investing, over HTTP. Contract: docs/api, "Investing"."""
