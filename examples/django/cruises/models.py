from django.db import models


class Destination(models.Model):
    name = models.CharField(max_length=100, unique=True)

    def __str__(self):
        return self.name


class Cruise(models.Model):
    name = models.CharField(max_length=100, unique=True)
    destination = models.ForeignKey(Destination, on_delete=models.PROTECT)
    departs_on = models.DateField()

    class Meta:
        ordering = ["departs_on", "name"]

    def __str__(self):
        return f"{self.name} to {self.destination}, {self.departs_on}"
