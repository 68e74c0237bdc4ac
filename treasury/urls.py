from django.urls import path

from treasury import api

urlpatterns = [path("transparency/coverage", api.CoverageList.as_view(), name="coverage")]
