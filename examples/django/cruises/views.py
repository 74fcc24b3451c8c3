from django.http import HttpResponse

from cruises.models import Cruise


def index(request):
    cruises = Cruise.objects.select_related("destination")
    return HttpResponse("\n".join(map(str, cruises)), content_type="text/plain; charset=utf-8")
