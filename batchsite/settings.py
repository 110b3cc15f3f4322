"""Django's settings: fixed, or from the start-time environment of `environment.py`.

Importing this starts nothing. It makes the installation's folder and its secret key where they are missing.
"""

from csp.constants import NONE, SELF

from batchsite.addresses import read_addresses
from batchsite.databases import database_settings
from batchsite.environment import CHECKOUT, EnvironmentFault, read_environment
from batchsite.logs import logging_settings
from batchsite.secret_key import secret_key
from batchsite.web_address import allowed_hosts, is_public_https

ENVIRONMENT = read_environment()
ADDRESSES = read_addresses()
NIGHTSHIFT_HOME = ENVIRONMENT.home
SECRET_KEY = secret_key(ENVIRONMENT)
DEBUG = ENVIRONMENT.debug

try:
    FILE_UPLOAD_TEMP_DIR = NIGHTSHIFT_HOME / "tmp"
    FILE_UPLOAD_TEMP_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
except OSError as error:
    raise EnvironmentFault([f"NIGHTSHIFT_HOME {NIGHTSHIFT_HOME} cannot be written: {error.strerror}."]) from error

INSTALLED_APPS = [
    "batchsite",
    "labeling",
    "labeling.admin_site.NightshiftAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_q",
    "django_htmx",
    "template_partials",
    "heroicons",
    "csp",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "labeling.signing_in.ChangeFirst",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "labeling.views.too_large.refuse_too_large",
]

ROOT_URLCONF = "batchsite.urls"
WSGI_APPLICATION = "batchsite.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [CHECKOUT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
            "builtins": ["template_partials.templatetags.partials", "labeling.templatetags.icons"],
        },
    }
]

DATABASES = {"default": database_settings(ENVIRONMENT)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# The clusters say in the cache that they are alive, and only the database is shared by all processes and hosts.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "django_cache"}}

# Three queues, so that nothing waits behind something long. A process takes its queue from Q_CLUSTER_NAME;
# `qcluster -n` is read too late and silently serves the default queue. Whoever enqueues names the queue.
# The rule is retry > 3 x timeout: the lock of a task counts from its fetch, and a prefetched task waits for another.
# With max_attempts 1 and ack_failures nothing that failed comes back by itself: our own rows decide that.
Q_CLUSTER = {
    "name": "nightshift",
    "cluster_name": "bulk",
    "orm": "default",
    "workers": 2,
    "queue_limit": 1,
    "bulk": 1,
    "poll": 0.5,
    "timeout": 1500,
    "retry": 4800,
    "ack_failures": True,
    "max_attempts": 1,
    "save_limit": 0,
    "catch_up": False,
    "recycle": 50,
    "max_rss": 800_000,  # kilobytes
    "label": "Background tasks",
    "ALT_CLUSTERS": {
        "ticks": {"workers": 2, "timeout": 60, "retry": 240, "poll": 0.3},
        "urgent": {"workers": 2, "timeout": 600, "retry": 1900, "poll": 0.3},
    },
}

# The night's zone and the zone of days of money are an operator's setting, not Django's.
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False
LANGUAGE_CODE = "en-us"

STATIC_URL = "static/"
STATIC_ROOT = NIGHTSHIFT_HOME / "static"
STATICFILES_DIRS = [CHECKOUT / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
MEDIA_ROOT = NIGHTSHIFT_HOME / "files"

# Files go to the disk while they arrive, whatever their size; the folder is on the disk of the installation.
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.TemporaryFileUploadHandler"]
DATA_UPLOAD_MAX_NUMBER_FIELDS = 10_000  # two for each label of a task
DATA_UPLOAD_MAX_MEMORY_SIZE = 25_000_000  # bytes of a form without its files: pasted text

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
AUTHENTICATION_BACKENDS = ["labeling.signing_in.Backend"]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "login"

ALLOWED_HOSTS = allowed_hosts(ENVIRONMENT)
CSRF_TRUSTED_ORIGINS = [ENVIRONMENT.public_url] if ENVIRONMENT.public_url else []
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = is_public_https(ENVIRONMENT)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if is_public_https(ENVIRONMENT) else None
# Cookies do not know ports: two installations on one machine would sign each other's users out.
SESSION_COOKIE_NAME = f"nightshift_session_{ENVIRONMENT.port}"
CSRF_COOKIE_NAME = f"nightshift_csrf_{ENVIRONMENT.port}"
CSRF_COOKIE_HTTPONLY = True
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

LOGGING = logging_settings(ENVIRONMENT, [*ENVIRONMENT.secrets, *ADDRESSES.secrets, SECRET_KEY])
