"""What each role may do, as the code says it: shown, never changed."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from django.contrib import admin
from django.contrib.auth.models import Group
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from accounts.roles import ROLES
from oversight.console import ReadOnlyAdmin, lines
from oversight.console.shown import NOTHING

import_module("django.contrib.auth.admin")  # registers its own page, which ours replaces
admin.site.unregister(Group)


@admin.register(Group)
class RoleAdmin(ReadOnlyAdmin):
    """Roles and their rights."""

    list_display = ("name", "show_words", "show_people")
    fields = ("name", "show_words", "show_rights")
    ordering = ("name",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Group]:
        return super().get_queryset(request).annotate(people=Count("user"))

    @display(description="What for")
    def show_words(self, group: Group) -> str:
        return ROLES.get(group.name, NOTHING)

    @display(description="People")
    def show_people(self, group: Any) -> int:
        return int(group.people)

    @display(description="May")
    def show_rights(self, group: Group) -> Any:
        rights = group.permissions.select_related("content_type").order_by("content_type__app_label", "codename")
        return lines((right.name, f"{right.content_type.app_label}.{right.codename}") for right in rights)
