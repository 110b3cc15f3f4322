from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in
from django.db.models.signals import post_migrate


class LabelingConfig(AppConfig):
    name = "labeling"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django_q.signals import post_execute_in_worker

        from labeling.foundations import lay_foundations
        from labeling.health import failing
        from labeling.signing_in import remember_one_time

        post_migrate.connect(lay_foundations, sender=self, dispatch_uid="labeling.foundations")
        post_execute_in_worker.connect(failing.note, dispatch_uid="labeling.failing")
        user_logged_in.connect(remember_one_time, dispatch_uid="labeling.one_time")
