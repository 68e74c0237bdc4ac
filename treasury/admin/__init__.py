"""The finance desk's pages of the console."""

from treasury.admin import assets, coverage, movements

__all__ = ["assets", "coverage", "movements"]
