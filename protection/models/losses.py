"""What investors declare of their means, and the personal warnings that are made out from it."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import models
from django.db.models import Q

from core import columns
from core.guards import append_only, stamped
from oversight import encryption
from protection import rules
from protection.models.sheets import SUBJECT


class LossSimulationQuerySet(models.QuerySet["LossSimulation"]):
    def newest(self, investor: Any, currency: str) -> LossSimulation | None:
        return self.filter(investor=investor, currency_id=currency).order_by("-made_at").first()


class LossSimulation(models.Model):
    """What an investor declared of a year's means in one currency, encrypted with that person's own key.

    The platform keeps no rates of exchange: an investment in another currency asks for figures in that one.
    """

    id = columns.identifier()
    investor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    currency = models.ForeignKey("ledger.Currency", on_delete=models.PROTECT, related_name="+", db_index=False)
    sealed = models.BinaryField()
    made_at = models.DateTimeField()
    recorded_at = columns.recorded_at()

    objects = LossSimulationQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        default_permissions = ("view",)
        constraints = [
            append_only("protection_simulation_append_only"),
            stamped("protection_simulation_stamped"),
        ]
        indexes = [models.Index(fields=["investor", "currency", "-made_at"], name="protection_simulation_of")]

    def __str__(self) -> str:
        return f"{self.currency_id}, by {self.investor}"

    @classmethod
    def of(cls, investor: Any, figures: rules.Figures, *, currency: str, at: datetime) -> LossSimulation:
        """Return an unsaved row of these figures. Raises PersonErased."""
        plain = {name: str(getattr(figures, name)) for name in rules.DECLARED}
        sealed = encryption.seal_for(investor.pk, json.dumps(plain).encode(), context=cls._meta.label_lower)
        return cls(investor=investor, currency_id=currency, sealed=sealed, made_at=at)

    @property
    def figures(self) -> rules.Figures:
        """What was declared. Raises PersonErased."""
        return self.read(self.investor_id, self.sealed)

    @classmethod
    def read(cls, investor_id: UUID, sealed: bytes | memoryview, *, wrapped: memoryview | None = None) -> rules.Figures:
        """Open what a row holds; `wrapped` is the person's key where a query has brought it. Raises PersonErased."""
        context = cls._meta.label_lower
        plain = json.loads(encryption.open_for(investor_id, sealed, context=context, wrapped=wrapped))
        return rules.Figures(**{name: Decimal(plain[name]) for name in rules.DECLARED})


class RiskWarning(models.Model):
    """A warning made out to one investor, one investment and one amount, in the currency of the simulation.

    Its share is that of the net worth in `simulation`: newer figures make older warnings worthless.
    """

    id = columns.identifier()
    simulation = models.ForeignKey(LossSimulation, on_delete=models.PROTECT, related_name="warnings")
    subject = models.CharField(max_length=64, help_text="product:<code> or offer:<code>")
    amount = columns.amount(help_text="what the investor would then have in it")
    shown_at = models.DateTimeField()
    recorded_at = columns.recorded_at()

    class Meta:
        ordering = ["-id"]
        default_permissions = ("view",)
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="protection_warning_amount"),
            models.CheckConstraint(condition=Q(subject__regex=SUBJECT), name="protection_warning_subject"),
            append_only("protection_warning_append_only"),
            stamped("protection_warning_stamped"),
        ]

    def __str__(self) -> str:
        return f"{self.subject}, to {self.simulation.investor}"

    @property
    def currency(self) -> str:
        return self.simulation.currency_id

    @property
    def share(self) -> Decimal | None:
        """The amount's share of the declared net worth; None where that isn't above zero. Raises PersonErased."""
        return rules.share_of(self.amount, self.simulation.figures.net_worth)


class RiskConfirmation(models.Model):
    """The investor has said in so many words that they have understood a warning."""

    id = columns.identifier()
    warning = models.OneToOneField(RiskWarning, on_delete=models.PROTECT, related_name="confirmation")
    confirmed_at = models.DateTimeField()
    recorded_at = columns.recorded_at()

    class Meta:
        ordering = ["-id"]
        default_permissions = ("view",)
        constraints = [
            append_only("protection_confirmation_append_only"),
            stamped("protection_confirmation_stamped"),
        ]

    def __str__(self) -> str:
        return f"{self.warning_id} is understood"
