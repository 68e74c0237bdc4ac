from django.urls import path

from offers.api import investors, staff

urlpatterns = [
    path("offers", investors.OfferList.as_view(), name="offers"),
    path("offers/<uuid:offer_id>", investors.OfferDetail.as_view(), name="offer"),
    path("offers/<uuid:offer_id>/invest", investors.Invest.as_view(), name="offer-invest"),
    path("offers/<uuid:offer_id>/waiting-list", investors.WaitingList.as_view(), name="offer-waiting-list"),
    path("offer-investments", investors.InvestmentList.as_view(), name="offer-investments"),
    path(
        "offer-investments/<uuid:investment_id>/withdraw",
        investors.Withdraw.as_view(),
        name="offer-investment-withdraw",
    ),
    path("staff/offers", staff.StaffOfferList.as_view(), name="staff-offers"),
    path("staff/offers/<uuid:offer_id>", staff.StaffOfferDetail.as_view(), name="staff-offer"),
    path("staff/offers/<uuid:offer_id>/publish", staff.StaffOfferPublish.as_view(), name="staff-offer-publish"),
    path("staff/offers/<uuid:offer_id>/pause", staff.StaffOfferPause.as_view(), name="staff-offer-pause"),
    path("staff/offers/<uuid:offer_id>/resume", staff.StaffOfferResume.as_view(), name="staff-offer-resume"),
    path("staff/offers/<uuid:offer_id>/close", staff.StaffOfferClose.as_view(), name="staff-offer-close"),
]
