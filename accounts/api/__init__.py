"""Who you are, over HTTP. Contract: API.md, "Who you are"."""
