"""Pages that everybody may read, outside the API's prefix."""

from django.urls import path

from backoffice import transparency

urlpatterns = [path("transparency/", transparency.page, name="transparency")]
