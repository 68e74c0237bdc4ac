from django.urls import path

from investments.api import positions, products, returns

urlpatterns = [
    path("investment/products", products.ProductList.as_view(), name="investment-products"),
    path("investment/products/<uuid:product_id>", products.ProductDetail.as_view(), name="investment-product"),
    path("investment/tiers", products.TierList.as_view(), name="investment-tiers"),
    path("investment/tiers/<uuid:product_id>", products.TierDetail.as_view(), name="investment-tier"),
    path("investment/vip-packages", products.VipPackageList.as_view(), name="investment-vip-packages"),
    path("investment/staking-plans", products.StakingPlanList.as_view(), name="investment-staking-plans"),
    path("investment/accounts", positions.PositionList.as_view(), name="investment-accounts"),
    path("investment/accounts/<uuid:position_id>", positions.PositionDetail.as_view(), name="investment-account"),
    path("investment/accounts/<uuid:position_id>/fund", positions.Fund.as_view(), name="investment-fund"),
    path("investment/accounts/<uuid:position_id>/withdraw", positions.Withdraw.as_view(), name="investment-withdraw"),
    path("investment/accounts/<uuid:position_id>/pause", positions.Pause.as_view(), name="investment-pause"),
    path("investment/accounts/<uuid:position_id>/resume", positions.Resume.as_view(), name="investment-resume"),
    path("investment/accounts/<uuid:position_id>/cancel", positions.Cancel.as_view(), name="investment-cancel"),
    path("investment/accounts/<uuid:position_id>/returns", returns.Returns.as_view(), name="investment-returns"),
    path("investment/accounts/<uuid:position_id>/forecast", returns.Forecast.as_view(), name="investment-forecast"),
]
