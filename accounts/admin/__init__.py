"""The console's pages of accounts: people, their sessions, and roles."""

from accounts.admin import people, roles, sessions

__all__ = ["people", "roles", "sessions"]
