"""Below /api/v1/: what officers do."""

from django.urls import path

from backoffice import staff

urlpatterns = [
    path("staff/approvals", staff.ApprovalList.as_view(), name="staff-approvals"),
    path("staff/approvals/<uuid:request_id>/approve", staff.Approve.as_view(), name="staff-approve"),
    path("staff/approvals/<uuid:request_id>/reject", staff.Reject.as_view(), name="staff-reject"),
]
