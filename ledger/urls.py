from django.urls import path

from ledger import api

urlpatterns = [
    path("wallets", api.WalletList.as_view(), name="wallets"),
    path("wallets/<str:currency>", api.WalletDetail.as_view(), name="wallet"),
    path("wallets/<str:currency>/statement", api.WalletStatement.as_view(), name="wallet-statement"),
    path("transactions", api.TransactionList.as_view(), name="transactions"),
    path("transactions/<uuid:transaction_id>", api.TransactionDetail.as_view(), name="transaction"),
]
