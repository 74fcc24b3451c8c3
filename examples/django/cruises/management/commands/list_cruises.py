from django.core.management.base import BaseCommand
from django.db import connection

from cruises.models import Cruise


class Command(BaseCommand):
    help = "Lists the cruises, and as which role and over which TLS version the database was asked."

    def handle(self, *args, **options):
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_user, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
            user, tls_version = cursor.fetchone()
        self.stdout.write(f"Connected as {user} over {tls_version}.")
        for cruise in Cruise.objects.select_related("destination"):
            self.stdout.write(str(cruise))
