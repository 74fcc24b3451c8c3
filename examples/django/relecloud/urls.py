from django.urls import path

from cruises.views import index

urlpatterns = [path("", index)]
