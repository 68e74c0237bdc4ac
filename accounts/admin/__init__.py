"""The console's pages of accounts: people, their sessions, and roles; and its doors."""

from django.contrib import admin

from accounts.admin import people, roles, sessions
from accounts.console import hang_doors

__all__ = ["people", "roles", "sessions"]

hang_doors(admin.site)
