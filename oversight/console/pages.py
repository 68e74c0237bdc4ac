"""Pages that change something: a form, then the figures of what will happen, then the deed."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import update_wrapper
from typing import Any, ClassVar
from uuid import UUID, uuid4

from django import forms
from django.contrib import messages
from django.contrib.admin.utils import quote, unquote
from django.core.cache import cache
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.text import slugify
from unfold.enums import ActionVariant

from core.errors import DomainError
from oversight.console import factors, held_files
from oversight.console.shown import address_of
from oversight.console.widgets import dress
from oversight.looks import steady
from oversight.models import ApprovalRequest

Figures = Iterable[tuple[str, Any]]
SENT_ONCE_SECONDS = 24 * 3600


class PageForm(forms.Form):
    """An empty form: the confirmation alone. `submission` is one UUID from the first look to the deed."""

    submission: UUID


class ActionPage:
    """One deed on one row. GET shows the form, POST the figures, POST with the confirmation runs the command.

    `run` calls one command, outside any transaction of the admin; a DomainError from `preview` or `run` is
    shown on the page. A form sent twice runs once.
    """

    title: ClassVar[str]
    permission: ClassVar[str] = ""
    form_class: ClassVar[type[forms.Form]] = PageForm
    words: ClassVar[str] = ""
    button_text: ClassVar[str] = ""
    icon: ClassVar[str] = ""
    variant: ClassVar[ActionVariant] = ActionVariant.DEFAULT
    factor_within: ClassVar[timedelta | None] = None
    """How lately the second factor must have been given, where the console's own time is too long."""

    def __init__(self, model_admin: Any) -> None:
        self.model_admin = model_admin

    def is_allowed(self, user: Any, obj: Any) -> bool:
        """Answer whether this officer may do it."""
        return bool(self.permission) and user.has_perm(self.permission)

    def may_open(self, request: HttpRequest) -> bool:
        """Answer whether this officer may do it to some row."""
        sees = self.model_admin.has_view_permission(request)
        return bool(sees and (not self.permission or request.user.has_perm(self.permission)))

    def is_offered(self, user: Any, obj: Any) -> bool:
        """Answer whether it makes sense now: then its button is shown."""
        return True

    def initial(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        """What the form begins with."""
        return {}

    def make_form(self, request: HttpRequest, obj: Any, **arguments: Any) -> forms.Form:
        """Build the form; a page whose choices depend on the row overrides this."""
        return self.form_class(**arguments)

    def preview(self, obj: Any, form: Any) -> Figures:
        """The figures of what will happen."""
        return []

    def drifting(self, obj: Any) -> tuple[str, ...]:
        """How labels of figures begin that drift with everyday traffic: another value isn't shown again."""
        return ()

    def run(self, obj: Any, form: Any, by: Any, now: datetime) -> Any:
        """Call the command."""
        raise NotImplementedError

    def success(self, obj: Any, result: Any) -> Any:
        """What to say afterwards; an opened request is linked."""
        if isinstance(result, ApprovalRequest) and result.status == ApprovalRequest.Status.REQUESTED:
            return format_html(
                'Asked: <a class="underline" href="{}">{}</a>. It waits for another officer.',
                address_of(ApprovalRequest, result.pk),
                result.title,
            )
        return f"{self.title}: done."

    def next_address(self, obj: Any, result: Any) -> str:
        """Where to go afterwards."""
        return str(self.model_admin.get_object_address(obj.pk))

    # What follows is the machinery; rooms don't override it.

    @classmethod
    def slug(cls) -> str:
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", cls.__name__).lower()

    @classmethod
    def url_name(cls, model_admin: Any) -> str:
        return f"{model_admin.opts.app_label}_{model_admin.opts.model_name}_{cls.slug()}"

    @classmethod
    def route(cls) -> str:
        return f"<path:object_id>/do/{cls.slug()}/"

    @classmethod
    def url(cls, model_admin: Any) -> URLPattern:
        def view(request: HttpRequest, object_id: str | None = None) -> HttpResponse:
            return cls(model_admin).handle(request, object_id)

        guarded = model_admin.admin_site.admin_view(view)
        return path(cls.route(), update_wrapper(guarded, view), name=cls.url_name(model_admin))

    def address(self, obj: Any) -> str:
        return reverse(f"{self.model_admin.admin_site.name}:{self.url_name(self.model_admin)}", args=[quote(obj.pk)])

    def button(self, request: HttpRequest, obj: Any) -> dict[str, Any] | None:
        """The button that leads here, or None."""
        if not self.is_allowed(request.user, obj) or not self.is_offered(request.user, obj):
            return None
        return {
            "title": self.button_text or self.title,
            "icon": self.icon or None,
            "variant": self.variant,
            "attrs": {},
            "dialog": None,
            "path": self.address(obj),
        }

    def handle(self, request: HttpRequest, object_id: str | None) -> HttpResponse:
        """Answer a request for this page; whoever lacks the permission doesn't hear which rows there are."""
        if not self.may_open(request):
            raise PermissionDenied
        obj = self._object(request, object_id)
        if not self.is_allowed(request.user, obj):
            raise PermissionDenied
        if self.factor_within is not None and not factors.is_fresh(request, within=self.factor_within):
            return factors.ask_again(request, then=request.path)
        if request.method != "POST":
            if not self.is_offered(request.user, obj):
                messages.warning(request, f"{self.title}: this can't be done here now, or not by you.")
                return HttpResponseRedirect(self.back(obj))
            form = self._dressed(self.make_form(request, obj, initial=self.initial(request, obj)), uuid4())
            return self._page(request, obj, form)
        return _Sending(self, request, obj).answer()

    def _object(self, request: HttpRequest, object_id: str | None) -> Model | None:
        try:
            obj: Model | None = self.model_admin.get_object(request, unquote(object_id or ""))
        except ValidationError:
            obj = None
        if obj is None:
            raise Http404
        if not self.model_admin.has_view_permission(request, obj):
            raise PermissionDenied
        return obj

    def _dressed(self, form: forms.Form, submission: UUID) -> forms.Form:
        dress(form)
        form.submission = submission  # type: ignore[attr-defined]
        return form

    def back(self, obj: Any) -> str:
        """Where one goes who leaves it."""
        return str(
            self.model_admin.get_object_address(obj.pk) if obj is not None else self.model_admin.get_list_address()
        )

    def _page(self, request: HttpRequest, obj: Any, form: forms.Form, **more: Any) -> TemplateResponse:
        status = more.pop("status", 200)
        opts = self.model_admin.opts
        context = {
            **self.model_admin.admin_site.each_context(request),
            "title": self.title,
            "subtitle": str(obj) if obj is not None else None,
            "opts": opts,
            "original": obj,
            "page": self,
            "form": form,
            "media": self.model_admin.media + form.media,
            "danger": self.variant is ActionVariant.DANGER,
            "back": self.back(obj),
            **more,
        }
        return TemplateResponse(request, "admin/action_page.html", context, status=status)


def menu(title: str, *, icon: str, items: list[dict[str, Any]]) -> dict[str, Any]:
    """A button that opens a list of other buttons, by mouse and by keyboard."""
    return {
        "title": title,
        "icon": icon,
        "variant": ActionVariant.DEFAULT,
        "items": items,
        "method_name": slugify(title).replace("-", "_"),
        "attrs": {
            "role": "button",
            "tabindex": "0",
            "aria-haspopup": "true",
            "x-on:keydown.enter.prevent": "actionDropdownOpen = !actionDropdownOpen",
            "x-on:keydown.space.prevent": "actionDropdownOpen = !actionDropdownOpen",
            "x-on:keydown.escape": "actionDropdownOpen = false",
        },
    }


class ListPage(ActionPage):
    """One deed on no row of its own, such as a new request: its button stands above the list; `obj` is None."""

    def next_address(self, obj: Any, result: Any) -> str:
        return str(self.model_admin.get_list_address())

    @classmethod
    def route(cls) -> str:
        return f"do/{cls.slug()}/"

    def address(self, obj: Any) -> str:
        return reverse(f"{self.model_admin.admin_site.name}:{self.url_name(self.model_admin)}")

    def _object(self, request: HttpRequest, object_id: str | None) -> None:
        if not self.model_admin.has_view_permission(request):
            raise PermissionDenied


class _Sending:
    """One POST of a page."""

    def __init__(self, page: ActionPage, request: HttpRequest, obj: Any) -> None:
        self.page, self.request, self.obj = page, request, obj
        self.step = request.POST.get("_step", "preview")
        self.tokens = self._held()
        try:
            self.submission = UUID(request.POST.get("_submission", ""))
        except ValueError:
            self.submission = uuid4()

    def answer(self) -> HttpResponse:
        form = self.page.make_form(self.request, self.obj, data=self.request.POST, files=self._files())
        self.page._dressed(form, self.submission)
        if self.step == "edit" or not self._is_valid(form):
            return self._show(form)
        try:
            figures = [(str(label), str(value)) for label, value in self.page.preview(self.obj, form)]
        except DomainError as refusal:
            return self._show(form, refusal=refusal, status=refusal.status)
        seen = _digest(steady(figures, self.page.drifting(self.obj)))
        if self.step != "confirm":
            return self._show(form, figures=figures, seen=seen)
        if self.request.POST.get("_seen") != seen:
            return self._show(form, figures=figures, seen=seen, changed=True)
        return self._run(form, figures, seen)

    def _is_valid(self, form: forms.Form) -> bool:
        for name, upload in self._uploads():
            if name in form.fields and (upload.size or 0) > held_files.MAXIMUM_BYTES:
                form.add_error(name, f"A file has at most {held_files.MAXIMUM_BYTES // 1024**2} MB.")
        return form.is_valid()

    def _run(self, form: forms.Form, figures: list[tuple[str, str]], seen: str) -> HttpResponse:
        sent = f"console:sent:{self.request.user.pk}:{self.submission}"
        if not cache.add(sent, 1, timeout=SENT_ONCE_SECONDS):
            messages.warning(self.request, "This was sent already.")
            return HttpResponseRedirect(self.page.back(self.obj))
        try:
            result = self.page.run(self.obj, form, self.request.user, timezone.now())
        except DomainError as refusal:
            cache.delete(sent)
            return self._show(form, figures=figures, seen=seen, refusal=refusal, status=refusal.status)
        except BaseException:
            cache.delete(sent)
            raise
        for token in self.tokens.values():
            held_files.drop(token)
        self._say(result)
        return HttpResponseRedirect(self.page.next_address(self.obj, result))

    def _say(self, result: Any) -> None:
        said = self.page.success(self.obj, result)
        level, text = said if isinstance(said, tuple) else (messages.SUCCESS, said)
        messages.add_message(self.request, level, text)

    def _show(self, form: forms.Form, **more: Any) -> TemplateResponse:
        held = [(name, token, self._name(token)) for name, token in self.tokens.items()]
        return self.page._page(self.request, self.obj, form, held=held, **more)

    def _held(self) -> dict[str, str]:
        """Tokens of the files held so far, with those that came now."""
        prefix = "_held_"
        tokens = {
            name.removeprefix(prefix): str(token)
            for name, token in self.request.POST.items()
            if name.startswith(prefix) and held_files.find(str(token), by=self.request.user) is not None
        }
        for name, upload in self._uploads():
            if (upload.size or 0) <= held_files.MAXIMUM_BYTES:
                tokens[name] = held_files.hold(upload, by=self.request.user)
        return tokens

    def _uploads(self) -> list[tuple[str, UploadedFile]]:
        return [(name, each) for name, each in self.request.FILES.items() if isinstance(each, UploadedFile)]

    def _files(self) -> Any:
        files = self.request.FILES.copy()
        for name, token in self.tokens.items():
            found = held_files.find(token, by=self.request.user)
            if found is not None:
                files[name] = found
        return files

    def _name(self, token: str) -> str:
        found = held_files.find(token, by=self.request.user)
        return str(found.name) if found is not None else ""


def _digest(figures: list[list[str]]) -> str:
    return hashlib.sha256(json.dumps(figures).encode()).hexdigest()
