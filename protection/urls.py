from django.urls import path

from protection.api import disclosures, knowledge, losses

urlpatterns = [
    path("disclosures/<uuid:disclosure_id>", disclosures.DisclosureDetail.as_view(), name="disclosure"),
    path("disclosures/<uuid:disclosure_id>/accept", disclosures.DisclosureAccept.as_view(), name="disclosure-accept"),
    path("knowledge-test", knowledge.KnowledgeTestView.as_view(), name="knowledge-test"),
    path("loss-simulation", losses.LossSimulationView.as_view(), name="loss-simulation"),
    path("risk-warnings", losses.RiskWarningList.as_view(), name="risk-warnings"),
    path("risk-warnings/<uuid:warning_id>/confirm", losses.RiskWarningConfirm.as_view(), name="risk-warning-confirm"),
]
