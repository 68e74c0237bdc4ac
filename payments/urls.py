from django.urls import path

from payments import api

urlpatterns = [
    path("payment-methods", api.PaymentMethodList.as_view(), name="payment-methods"),
    path("deposits", api.DepositList.as_view(), name="deposits"),
    path("deposits/<uuid:deposit_id>", api.DepositDetail.as_view(), name="deposit"),
]
