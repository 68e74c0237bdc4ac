from django.urls import path

from protection import api

urlpatterns = [
    path("disclosures/<uuid:disclosure_id>", api.DisclosureDetail.as_view(), name="disclosure"),
    path("disclosures/<uuid:disclosure_id>/accept", api.DisclosureAccept.as_view(), name="disclosure-accept"),
    path("knowledge-test", api.KnowledgeTestView.as_view(), name="knowledge-test"),
    path("loss-simulation", api.LossSimulationView.as_view(), name="loss-simulation"),
    path("risk-warnings", api.RiskWarningList.as_view(), name="risk-warnings"),
    path("risk-warnings/<uuid:warning_id>/confirm", api.RiskWarningConfirm.as_view(), name="risk-warning-confirm"),
]
