from django.urls import path

from notifications.api import devices, inbox, preferences

urlpatterns = [
    path("notifications", inbox.NotificationList.as_view(), name="notifications"),
    path("notifications/read", inbox.NotificationsRead.as_view(), name="notifications-read"),
    path("notifications/preferences", preferences.Preferences.as_view(), name="notification-preferences"),
    path("devices", devices.DeviceList.as_view(), name="devices"),
    path("devices/<str:token>", devices.DeviceDetail.as_view(), name="device"),
]
