"""What the forms of requests have in common."""

from __future__ import annotations

from django import forms

from oversight.documents import SUFFIXES


class ReasonField(forms.CharField):
    """Why; kept with the request."""

    def __init__(self) -> None:
        super().__init__(max_length=500, widget=forms.Textarea, help_text="Without personal data.")


class DocumentField(forms.FileField):
    """A paper that the request is founded on."""

    def __init__(self, label: str = "Document") -> None:
        widget = forms.ClearableFileInput(attrs={"accept": ",".join(sorted(SUFFIXES))})
        super().__init__(label=label, help_text="Up to 10 MB.", widget=widget)


class ReasonForm(forms.Form):
    """A reason alone."""

    reason = ReasonField()
