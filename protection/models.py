"""What investors must have seen, answered and declared before they invest, and what each jurisdiction asks for."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from core import columns
from core.guards import append_only, only_columns_move, stamped
from oversight import encryption
from protection import rules

SUBJECT = r"^(product|offer):[a-z0-9][a-z0-9-]*$"


class JurisdictionQuerySet(models.QuerySet["Jurisdiction"]):
    """Questions over what jurisdictions ask for."""

    def of(self, country: str) -> Jurisdiction:
        """Return what holds for investors of this country now: its own newest row, or everybody's."""
        return self.filter(country__in=[country, ""]).order_by("-country", "-id")[0]

    def present(self) -> JurisdictionQuerySet:
        """The newest row of each country."""
        return self.order_by("country", "-id").distinct("country")


class Jurisdiction(models.Model):
    """What is asked of investors of one country, and what is open to them; with no country, of all others.

    Rows are added, never changed: the newest of a country counts. `request` is empty in the first rows, which come with
    the platform.
    """

    id = columns.identifier()
    country = models.CharField(max_length=2, blank=True, help_text="ISO 3166-1; empty: everywhere else")
    knowledge_test = models.BooleanField(help_text="the knowledge test must be passed")
    knowledge_years = models.PositiveSmallIntegerField(help_text="years after which it is asked again")
    loss_simulation = models.BooleanField(help_text="the capacity to bear losses must have been simulated")
    simulation_days = models.PositiveSmallIntegerField(help_text="days after which it must be simulated again")
    bearable_share = columns.fraction(help_text="of the net worth: what the simulation says one can bear to lose")
    risk_warning = models.BooleanField(help_text="a personal warning must be confirmed")
    warning_share = columns.fraction(help_text="of the net worth: above it an investment is warned of")
    cooling_off_hours = models.PositiveSmallIntegerField(help_text="between the first step and the first investment")
    reflection_days = models.PositiveSmallIntegerField(help_text="in which an investment may be taken back")
    commissions = models.BooleanField(help_text="commissions for inviting others are open")
    vip = models.BooleanField(help_text="VIP packages and levels are open")
    request = models.OneToOneField("oversight.ApprovalRequest", null=True, on_delete=models.PROTECT, related_name="+")
    recorded_at = columns.recorded_at()

    objects: ClassVar[JurisdictionQuerySet] = JurisdictionQuerySet.as_manager()  # type: ignore[assignment]

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
            ),
            models.CheckConstraint(
                condition=Q(knowledge_years__gte=1, simulation_days__gte=1), name="protection_jurisdiction_spans"
            ),
            append_only("protection_jurisdiction_append_only"),
            stamped("protection_jurisdiction_stamped"),
        ]

    def __str__(self) -> str:
        return self.country or "everywhere else"


class Disclosure(models.Model):
    """One version of the key information sheet of a product or an offer. Append-only: a correction is a new version."""

    id = columns.identifier()
    subject = models.CharField(max_length=64, help_text="product:<code> or offer:<code>")
    version = models.CharField(max_length=40)
    title = models.CharField(max_length=200)
    body = models.TextField()
    published_at = models.DateTimeField()
    recorded_at = columns.recorded_at()

    class Meta:
        ordering = ["-id"]
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["subject", "version"], name="protection_disclosure_is_one"),
            models.CheckConstraint(condition=Q(subject__regex=SUBJECT), name="protection_disclosure_subject"),
            models.CheckConstraint(condition=~Q(version="") & ~Q(body=""), name="protection_disclosure_says"),
            append_only("protection_disclosure_append_only"),
            stamped("protection_disclosure_stamped"),
        ]

    def __str__(self) -> str:
        return f"{self.title} ({self.version})"


class Acceptance(models.Model):
    """An investor has accepted one version of a key information sheet."""

    id = columns.identifier()
    investor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    disclosure = models.ForeignKey(Disclosure, on_delete=models.PROTECT, related_name="acceptances")
    accepted_at = models.DateTimeField()
    recorded_at = columns.recorded_at()

    class Meta:
        ordering = ["-id"]
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["investor", "disclosure"], name="protection_acceptance_is_one"),
            append_only("protection_acceptance_append_only"),
            stamped("protection_acceptance_stamped"),
        ]

    def __str__(self) -> str:
        return f"{self.investor_id} accepts {self.disclosure_id}"


class KnowledgeTest(models.Model):
    """One version of the questions; the newest is asked. Append-only."""

    id = columns.identifier()
    version = models.CharField(max_length=40, unique=True)
    questions = models.JSONField(help_text="[{id, text, choices, answer, why}]; `answer` is a choice's place from 0")
    pass_mark = models.PositiveSmallIntegerField(help_text="right answers that pass it")
    request = models.OneToOneField("oversight.ApprovalRequest", null=True, on_delete=models.PROTECT, related_name="+")
    recorded_at = columns.recorded_at()

    class Meta:
        ordering = ["-id"]
        default_permissions = ("view",)
        constraints = [
            models.CheckConstraint(condition=Q(pass_mark__gte=1), name="protection_test_pass_mark"),
            append_only("protection_test_append_only"),
            stamped("protection_test_stamped"),
        ]

    def __str__(self) -> str:
        return self.version

    def asked(self) -> list[rules.Question]:
        """The questions in the order in which they are asked."""
        return [
            rules.Question(one["id"], one["text"], tuple(one["choices"]), one["answer"], one["why"])
            for one in self.questions
        ]


class KnowledgeResultQuerySet(models.QuerySet["KnowledgeResult"]):
    """Questions over taken tests."""

    def last_passed(self, investor: models.Model) -> KnowledgeResult | None:
        return self.filter(investor_id=investor.pk, passed=True).order_by("-taken_at").first()


class KnowledgeResult(models.Model):
    """How an investor did in the knowledge test, once. Append-only."""

    id = columns.identifier()
    investor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    test = models.ForeignKey(KnowledgeTest, on_delete=models.PROTECT, related_name="results", db_index=False)
    right = models.PositiveSmallIntegerField()
    passed = models.BooleanField()
    taken_at = models.DateTimeField()
    recorded_at = columns.recorded_at()

    objects: ClassVar[KnowledgeResultQuerySet] = KnowledgeResultQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ["-id"]
        default_permissions = ("view",)
        constraints = [
            append_only("protection_result_append_only"),
            stamped("protection_result_stamped"),
        ]
        indexes = [models.Index(fields=["investor", "-taken_at"], name="protection_result_of")]

    def __str__(self) -> str:
        return f"{self.investor_id}: {self.right} right"


class LossSimulationQuerySet(models.QuerySet["LossSimulation"]):
    """Questions over simulations."""

    def newest(self, investor: models.Model, currency: str) -> LossSimulation | None:
        return self.filter(investor_id=investor.pk, currency_id=currency).order_by("-made_at").first()


class LossSimulation(models.Model):
    """What an investor declared of a year's means in one currency, encrypted with that person's own key. Append-only.

    The platform keeps no rates of exchange for this: an investment in another currency asks for figures in that one.
    """

    id = columns.identifier()
    investor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    currency = models.ForeignKey("ledger.Currency", on_delete=models.PROTECT, related_name="+", db_index=False)
    sealed = models.BinaryField()
    made_at = models.DateTimeField()
    recorded_at = columns.recorded_at()

    objects: ClassVar[LossSimulationQuerySet] = LossSimulationQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ["-id"]
        default_permissions = ("view",)
        constraints = [
            append_only("protection_simulation_append_only"),
            stamped("protection_simulation_stamped"),
        ]
        indexes = [models.Index(fields=["investor", "currency", "-made_at"], name="protection_simulation_of")]

    def __str__(self) -> str:
        return f"{self.investor_id} in {self.currency_id}"

    @classmethod
    def of(cls, investor: models.Model, figures: rules.Figures, *, currency: str, at: datetime) -> LossSimulation:
        """Return an unsaved row of these figures."""
        plain = {name: str(getattr(figures, name)) for name in ("income", "assets", "commitments")}
        sealed = encryption.seal_for(investor.pk, json.dumps(plain).encode(), context=cls._meta.label_lower)
        return cls(investor_id=investor.pk, currency_id=currency, sealed=sealed, made_at=at)

    @property
    def figures(self) -> rules.Figures:
        """What was declared. Raises PersonErased."""
        plain = json.loads(encryption.open_for(self.investor_id, self.sealed, context=self._meta.label_lower))
        return rules.Figures(**{name: Decimal(value) for name, value in plain.items()})


class RiskWarningQuerySet(models.QuerySet["RiskWarning"]):
    """Questions over personal warnings."""

    def lock(self, warning_id: object) -> RiskWarning | None:
        """Lock one warning until the transaction ends."""
        return self.select_for_update(of=("self",), no_key=True).filter(pk=warning_id).first()

    def confirmed(self, investor: models.Model, *, subject: str, currency: str, since: datetime) -> RiskWarningQuerySet:
        """Those that the investor has confirmed lately, for one investment."""
        named = self.filter(investor_id=investor.pk, subject=subject, currency_id=currency)
        return named.filter(confirmed_at__gte=since)


class RiskWarning(models.Model):
    """A warning made out to one investor and one amount, and their explicit word that they have understood it."""

    id = columns.identifier()
    investor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    subject = models.CharField(max_length=64)
    currency = models.ForeignKey("ledger.Currency", on_delete=models.PROTECT, related_name="+", db_index=False)
    amount = columns.amount()
    shown_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True)

    objects: ClassVar[RiskWarningQuerySet] = RiskWarningQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ["-id"]
        default_permissions = ("view",)
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="protection_warning_amount"),
            models.CheckConstraint(condition=Q(subject__regex=SUBJECT), name="protection_warning_subject"),
            only_columns_move("protection_warning_kept", "confirmed_at"),
        ]
        indexes = [models.Index(fields=["investor", "subject", "-confirmed_at"], name="protection_warning_of")]

    def __str__(self) -> str:
        return f"{self.investor_id}: {self.amount} {self.currency_id} in {self.subject}"
