"""The console's pages of products, positions and returns."""

from investments.admin import positions, products, runs

__all__ = ["positions", "products", "runs"]
