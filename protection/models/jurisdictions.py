"""What each jurisdiction asks of investors, and what it leaves open to them."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from core import columns
from core.guards import append_only, stamped


class JurisdictionQuerySet(models.QuerySet["Jurisdiction"]):
    def of(self, country: str) -> Jurisdiction:
        """Return what holds for investors of this country now: its own newest row, or everybody's."""
        return self.filter(country__in=[country, ""]).order_by("-country", "-id")[0]


class Jurisdiction(models.Model):
    """What is asked of investors of one country, and what is open to them; with no country, of all others.

    Rows are added, never changed: the newest of a country counts. `request` is empty in the first row, which comes with
    the platform.
    """

    id = columns.identifier()
    country = models.CharField(max_length=2, blank=True, help_text="ISO 3166-1; empty: everywhere else")
    knowledge_test = models.BooleanField(help_text="the knowledge test must be passed")
    knowledge_years = models.PositiveSmallIntegerField(help_text="years after which it is asked again")
    loss_simulation = models.BooleanField(help_text="the capacity to bear losses must have been simulated")
    simulation_days = models.PositiveSmallIntegerField(help_text="days after which it must be simulated again")
    bearable_share = columns.fraction(help_text="of the net worth: what the simulation says one can bear to lose")
    risk_warning = models.BooleanField(help_text="a personal warning must be confirmed; needs the simulation")
    warning_share = columns.fraction(help_text="of the net worth: above it an investment is warned of")
    cooling_off_hours = models.PositiveSmallIntegerField(help_text="between the first step and the first investment")
    reflection_days = models.PositiveSmallIntegerField(help_text="in which an investment may be taken back")
    commissions = models.BooleanField(
        help_text="commissions for inviting others are open; none are paid yet, so nothing asks"
    )
    vip = models.BooleanField(help_text="VIP packages can be opened and topped up; levels don't ask")
    request = models.OneToOneField(
        "oversight.ApprovalRequest", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    recorded_at = columns.recorded_at()

    objects = JurisdictionQuerySet.as_manager()

    class Meta:
        ordering = ["country", "-id"]
        default_permissions = ("view",)
        permissions = [
            ("request_protection", "Can ask for other rules of protection, or another knowledge test"),
            ("approve_protection", "Can approve other rules of protection, or another knowledge test"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(bearable_share__gt=0, bearable_share__lte=1, warning_share__gt=0, warning_share__lte=1),
                name="protection_jurisdiction_shares",
                violation_error_message="A share is more than 0 and at most 1.",
            ),
            models.CheckConstraint(
                condition=Q(knowledge_years__range=(1, 10), simulation_days__range=(1, 3650))
                & Q(cooling_off_hours__lte=720, reflection_days__lte=365),
                name="protection_jurisdiction_spans",
                violation_error_message="From 1 to 10 years and 1 to 3650 days; at most 720 hours and 365 days.",
            ),
            models.CheckConstraint(
                condition=Q(risk_warning=False) | Q(loss_simulation=True),
                name="protection_jurisdiction_warns_by_figures",
                violation_error_message="A personal warning needs the figures of the simulation.",
            ),
            append_only("protection_jurisdiction_append_only"),
            stamped("protection_jurisdiction_stamped"),
        ]

    def __str__(self) -> str:
        return self.country or "everywhere else"
