"""The base of every page of the console: it shows, and acts only through its pages."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, reverse
from django.utils.http import urlencode
from unfold.admin import ModelAdmin, TabularInline
from unfold.enums import ActionVariant

from oversight.console.pages import ActionPage, ListPage, menu

BUTTONS_IN_A_ROW = 3
"""More would push the row's own name out of the header: they become a menu."""


class ReadOnly:
    """Nothing is added, changed or removed here; the view permission shows."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnlyInline(ReadOnly, TabularInline):
    """Rows shown on their parent's page."""

    extra = 0
    max_num = 0
    can_delete = False
    show_change_link = False
    template_after = "admin/nothing_yet.html"


def _column_of(list_filter: Any) -> str:
    """Return what a filter asks for: a column, a column with its filter, or a filter of its own."""
    if isinstance(list_filter, type):
        return str(getattr(list_filter, "parameter_name", ""))
    return list_filter if isinstance(list_filter, str) else str(list_filter[0])


class ReadOnlyAdmin(ReadOnly, ModelAdmin):
    """Shows rows; `pages` are what can be done: ActionPage for one row, ListPage for none.

    `linked_by` are columns by which the console's own links narrow the list, beside its filters.
    """

    pages: ClassVar[tuple[type[ActionPage] | type[ListPage], ...]] = ()
    linked_by: ClassVar[tuple[str, ...]] = ()
    list_per_page = 50
    show_full_result_count = False
    list_filter_submit = True
    compressed_fields = True

    def get_urls(self) -> list[URLPattern]:
        own = [page.url(self) for page in self.pages]
        return own + list(super().get_urls())

    def lookup_allowed(self, lookup: str, value: Any, request: Any = None) -> bool:
        """Narrow the list by its filters and links alone.

        Django lets the address ask any column of the table: what a page doesn't show is then guessed letter by letter,
        a password's hash too.
        """
        column = lookup.partition("__")[0]
        if column in {field.name for field in self.opts.get_fields()} and not self._is_filter(lookup, request):
            return False
        return bool(super().lookup_allowed(lookup, value, request))

    def _is_filter(self, lookup: str, request: Any) -> bool:
        filters = (_column_of(each) for each in self.get_list_filter(request))
        named = {self.opts.pk.name, self.date_hierarchy, *self.linked_by, *filters}
        return any(lookup == name or lookup.startswith(f"{name}__") for name in named)

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        original: Model | None = context.get("original")
        if original is not None:
            made = (page(self).button(request, original) for page in self.pages if not issubclass(page, ListPage))
            offered = [button for button in made if button]
            if len(offered) > BUTTONS_IN_A_ROW:
                offered = [menu("What can be done", icon="bolt", items=offered)]
            shown = [self._trail_button(request, original), *context.get("actions_detail", []), *offered]
            context["actions_detail"] = [button for button in shown if button]
        return super().render_change_form(request, context, *args, **kwargs)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        response = super().changelist_view(request, extra_context)
        context = getattr(response, "context_data", None)
        if context is not None:
            offered = [page(self).button(request, None) for page in self.pages if issubclass(page, ListPage)]
            context["actions_list"] = [*context.get("actions_list", []), *filter(None, offered)]
        return response

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Show the audit trail of this row: nothing else remembers what was done to it."""
        if not request.user.has_perm("oversight.view_auditevent"):
            raise PermissionDenied
        about = {"target_type": self.model._meta.label_lower, "target_id": unquote(object_id)}
        address = reverse(f"{self.admin_site.name}:oversight_auditevent_changelist")
        return HttpResponseRedirect(f"{address}?{urlencode(about)}")

    def _trail_button(self, request: HttpRequest, original: Model) -> dict[str, Any] | None:
        if (
            not request.user.has_perm("oversight.view_auditevent")
            or original._meta.label_lower == "oversight.auditevent"
        ):
            return None
        names = f"{self.admin_site.name}:{self.opts.app_label}_{self.opts.model_name}_history"
        trail = {
            "title": "Audit trail",
            "icon": "history",
            "variant": ActionVariant.DEFAULT,
            "attrs": {},
            "dialog": None,
        }
        return {**trail, "path": reverse(names, args=[quote(original.pk)])}

    def get_object_address(self, pk: Any) -> str:
        """The address of a row's page."""
        return reverse(f"{self.admin_site.name}:{self.opts.app_label}_{self.opts.model_name}_change", args=[quote(pk)])

    def get_list_address(self) -> str:
        """The address of the list."""
        return reverse(f"{self.admin_site.name}:{self.opts.app_label}_{self.opts.model_name}_changelist")
