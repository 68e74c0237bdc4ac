"""Offers over HTTP. Contract: API.md, "Investing" and "Staff"."""
