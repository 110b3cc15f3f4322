from django.apps import AppConfig
from django.db.models.signals import post_migrate


class LabelingConfig(AppConfig):
    name = "labeling"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from labeling.foundations import lay_foundations

        post_migrate.connect(lay_foundations, sender=self, dispatch_uid="labeling.foundations")
