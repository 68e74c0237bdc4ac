"""Below /api/v1/: what officers do, and what people ask of everything about themselves."""

from django.urls import path

from backoffice import me, staff

urlpatterns = [
    path("users/me/export", me.Export.as_view(), name="export"),
    path("staff/approvals", staff.ApprovalList.as_view(), name="staff-approvals"),
    path("staff/approvals/<uuid:request_id>", staff.ApprovalDetail.as_view(), name="staff-approval"),
    path("staff/approvals/<uuid:request_id>/approve", staff.Approve.as_view(), name="staff-approve"),
    path("staff/approvals/<uuid:request_id>/reject", staff.Reject.as_view(), name="staff-reject"),
]
