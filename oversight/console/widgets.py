"""Plain form fields in the console's look."""

from __future__ import annotations

from django import forms
from unfold import widgets

DJANGOS = {("rows", "10"), ("cols", "40")}
AMOUNT = {"inputmode": "decimal", "autocomplete": "off"}


def dress(form: forms.Form) -> None:
    """Give each field of a plain form the theme's widget; hidden and already dressed ones stay."""
    for field in form.fields.values():
        dressed = _widget_for(field)
        if dressed is None or type(field.widget).__module__.startswith("unfold"):
            continue
        for name, value in field.widget.attrs.items():
            if name != "class" and (name, str(value)) not in DJANGOS:
                dressed.attrs[name] = value
        dressed.is_required = field.required
        field.widget = dressed
        if isinstance(field, forms.ChoiceField):
            field.widget.choices = field.choices


def _widget_for(field: forms.Field) -> forms.Widget | None:
    given = field.widget
    plain: list[tuple[type[forms.Widget], forms.Widget]] = [
        (forms.HiddenInput, given),
        (forms.Textarea, widgets.UnfoldAdminTextareaWidget({"rows": 3})),
        (forms.RadioSelect, widgets.UnfoldAdminRadioSelectWidget()),
        (forms.SelectMultiple, widgets.UnfoldAdminSelectMultipleWidget()),
        (forms.Select, widgets.UnfoldAdminSelectWidget()),
        (forms.CheckboxInput, widgets.UnfoldBooleanWidget()),
        (forms.ClearableFileInput, widgets.UnfoldAdminFileFieldWidget()),
        (forms.DateInput, widgets.UnfoldAdminSingleDateWidget()),
        (forms.EmailInput, widgets.UnfoldAdminEmailInputWidget()),
        (forms.PasswordInput, widgets.UnfoldAdminPasswordWidget()),
    ]
    if isinstance(field, forms.DecimalField):
        return widgets.UnfoldAdminTextInputWidget(attrs=dict(AMOUNT))
    if isinstance(field, forms.IntegerField) and not isinstance(given, forms.Select):
        return widgets.UnfoldAdminIntegerFieldWidget()
    for kind, dressed in plain:
        if isinstance(given, kind):
            return None if kind is forms.HiddenInput else dressed
    return widgets.UnfoldAdminTextInputWidget() if isinstance(given, forms.TextInput) else None
