"""The console's pages of payments: deposits, bank credits with suspense, methods."""

from payments.admin import credits, deposits, methods

__all__ = ["credits", "deposits", "methods"]
