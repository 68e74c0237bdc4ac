"""The console's pages of oversight: approvals, audit, alerts."""

from oversight.admin import alerts, approvals, audit

__all__ = ["alerts", "approvals", "audit"]
