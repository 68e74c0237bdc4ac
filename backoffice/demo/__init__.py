"""The demo: a story of 45 business days, told through the services that everybody uses, with a simulated clock."""
