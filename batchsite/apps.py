from django.apps import AppConfig


class BatchsiteConfig(AppConfig):
    """The wiring: commands and migrations that belong to no part of the product."""

    name = "batchsite"
