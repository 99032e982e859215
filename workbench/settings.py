"""The one settings file. Everything that differs between machines comes from the environment.

The embedded default needs no service and no account; with WORKBENCH_DEBUG off and a public host it refuses
to start on anything unsafe.
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent


def text(name: str, default: str = "") -> str:
    return os.environ.get(name, default)


def flag(name: str, *, default: bool = False) -> bool:
    value = os.environ.get(name, "").lower()
    if value not in {"", "0", "1", "true", "false"}:
        raise ImproperlyConfigured(f"{name}={value!r}: expected 1 or 0.")
    return value in {"1", "true"} if value else default


def number(name: str, default: int) -> int:
    try:
        return int(os.environ.get(name, default))
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}={os.environ[name]!r}: expected a whole number.") from error


def pairs(name: str) -> dict[str, str]:
    """`left=right,left=right` as a dictionary."""
    found = {}
    for one in filter(None, (part.strip() for part in text(name).split(","))):
        left, separator, right = one.rpartition("=")
        if not separator or not left or not right:
            raise ImproperlyConfigured(f"{name}: {one!r} cannot be used; expected pairs such as group=role,group=role.")
        found[left.strip()] = right.strip()
    return found


def one_of(name: str, *choices: str) -> str:
    """The value of `name`, which is the first of `choices` where none is given."""
    value = text(name, choices[0])
    if value not in choices:
        raise ImproperlyConfigured(f"{name}={value!r}: expected one of {', '.join(choices)}.")
    return value


DATA_DIR = Path(text("WORKBENCH_DATA", str(BASE_DIR / "data"))).resolve()
DATA_DIR.mkdir(parents=True, exist_ok=True)


def oidc_provider(server_url: str, client_id: str, secret: str, name: str) -> dict[str, Any]:
    """allauth's settings for one OpenID Connect provider; none without an address."""
    if not server_url:
        return {}
    parts = urlparse(server_url)
    if parts.scheme != "https" and parts.hostname not in {"localhost", "127.0.0.1", "::1"}:
        raise ImproperlyConfigured(f"WORKBENCH_OIDC_SERVER_URL={server_url!r}: expected https://…")
    if not client_id:
        raise ImproperlyConfigured("WORKBENCH_OIDC_SERVER_URL is set, and WORKBENCH_OIDC_CLIENT_ID is not.")
    app = {
        "provider_id": "sso", "name": name, "client_id": client_id, "secret": secret,
        "settings": {"server_url": server_url, "fetch_userinfo": True, "oauth_pkce_enabled": True},
    }  # fmt: skip
    return {"openid_connect": {"APPS": [app]}}


def origin_of(url: str) -> str:
    """`https://host:port` of an address."""
    parts = urlparse(url)
    return f"{parts.scheme}://{parts.netloc}"


def kept_secret(name: str) -> str:
    """The secret in environment variable `name`, else one made once and kept in the data folder (mode 600)."""
    if value := os.environ.get(name):
        return value
    path = DATA_DIR / f".{name.lower()}"
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text()
    with os.fdopen(handle, "w") as file:
        file.write(secrets.token_urlsafe(48))
    return path.read_text()


def database(url: str) -> dict[str, Any]:
    """Django's settings for a `postgres://` URL; SQLite in the data folder when empty."""
    if not url:
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": DATA_DIR / "workbench.sqlite3",
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 30,
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
            },
        }
    parts = urlparse(url)
    if parts.scheme not in {"postgres", "postgresql"}:
        raise ImproperlyConfigured(f"DATABASE_URL begins with {parts.scheme!r}: expected postgres://…")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path.lstrip("/"),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
        # Compiling a short query takes longer than running it, and fresh tables have no statistics to tell.
        "OPTIONS": {"options": "-c jit=off"},
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }


DEBUG = flag("WORKBENCH_DEBUG")
SECRET_KEY = kept_secret("WORKBENCH_SECRET_KEY")
SEALING_KEY = base64.urlsafe_b64encode(hashlib.sha256(kept_secret("WORKBENCH_SEALING_KEY").encode()).digest())
ALLOWED_HOSTS = text("WORKBENCH_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]").split(",")
CSRF_TRUSTED_ORIGINS = [origin for origin in text("WORKBENCH_TRUSTED_ORIGINS").split(",") if origin]
ENVIRONMENT_BADGE = text("WORKBENCH_BADGE", "demo · embedded")

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "guardian",
    "simple_history",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "csp",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.usersessions",
    "governance",
    "workbench",
    "labeling",
    "training",
    "governance.portal.config.PortalAdminConfig",
]

MIDDLEWARE = [
    "governance.middleware.StreamingMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "governance.middleware.ActingMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "workbench.urls"
ASGI_APPLICATION = "workbench.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "governance.portal.context.portal",
            ],
        },
    },
]

DATABASES = {"default": database(text("DATABASE_URL"))}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "governance.User"
AUTHENTICATION_BACKENDS = ["governance.access.RowBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
ANONYMOUS_USER_NAME = None
GUARDIAN_MONKEY_PATCH_USER = False
SILENCED_SYSTEM_CHECKS = [
    "guardian.W001",  # our backend answers for guardian's grants
    "security.W005",  # HSTS for all subdomains, and for browsers' lists: whoever owns the domain decides
    "security.W021",  # (WORKBENCH_HSTS_SUBDOMAINS)
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "admin:index"

# Signing in: allauth, with our adapters, forms and pages. Nobody can sign up.
ACCOUNT_ADAPTER = "governance.sign_in.adapters.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_UNIQUE_EMAIL = False
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_REAUTHENTICATION_TIMEOUT = 15 * 60
ACCOUNT_FORMS = {
    "login": "governance.sign_in.forms.LogInForm",
    "reauthenticate": "governance.sign_in.forms.ConfirmByPasswordForm",
}
# Ten failed tries lock a user name, known or not, for a quarter of an hour, and thirty a minute an address.
ACCOUNT_RATE_LIMITS = {"login": "60/m/ip", "login_failed": "30/m/ip,10/15m/key"}
ALLAUTH_TRUSTED_PROXY_COUNT = number("WORKBENCH_TRUSTED_PROXIES", 0)
MFA_ADAPTER = "governance.sign_in.adapters.FactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_TOTP_TOLERANCE = 1
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_FORMS = {
    "authenticate": "governance.sign_in.forms.ByCodeForm",
    "reauthenticate": "governance.sign_in.forms.ConfirmByCodeForm",
    "activate_totp": "governance.sign_in.forms.ActivateAppForm",
    "add_webauthn": "governance.sign_in.forms.AddKeyForm",
    "login_webauthn": "governance.sign_in.forms.LogInByKeyForm",
    "edit_webauthn": "governance.sign_in.forms.RenameKeyForm",
}
USERSESSIONS_ADAPTER = "governance.sign_in.adapters.SessionsAdapter"

# One identity provider that speaks OpenID Connect. Without an address there is none.
OIDC_SERVER_URL = text("WORKBENCH_OIDC_SERVER_URL")
# Who takes content as a file must have proved who they are within so many minutes; 0: at any time in their session.
EXPORT_PROOF_MINUTES = number("WORKBENCH_EXPORT_PROOF_MINUTES", 15)
OIDC_NAME = text("WORKBENCH_OIDC_NAME", "single sign-on")
OIDC_GROUPS_CLAIM = text("WORKBENCH_OIDC_GROUPS_CLAIM", "groups")
OIDC_ROLES = pairs("WORKBENCH_OIDC_ROLES")
OIDC_UNKNOWN = one_of("WORKBENCH_OIDC_UNKNOWN", "create", "refuse")
SOCIALACCOUNT_ADAPTER = "governance.sign_in.adapters.ProviderAdapter"
SOCIALACCOUNT_AUTO_SIGNUP = True
SOCIALACCOUNT_EMAIL_AUTHENTICATION = False
SOCIALACCOUNT_STORE_TOKENS = False
SOCIALACCOUNT_PROVIDERS = oidc_provider(
    OIDC_SERVER_URL, text("WORKBENCH_OIDC_CLIENT_ID"), text("WORKBENCH_OIDC_CLIENT_SECRET"), OIDC_NAME
)

LANGUAGE_CODE = "en"
FORMAT_MODULE_PATH = "workbench.formats"
TIME_ZONE = text("WORKBENCH_TIME_ZONE", "UTC")
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATIC_ROOT.mkdir(exist_ok=True)
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG

# Content may come from this server only; no inline script or style, no eval.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        # Chromium asks this of every address that a form's answer leads on to, the identity provider's among them.
        "form-action": [
            "'self'",
            *([origin_of(OIDC_SERVER_URL)] if OIDC_SERVER_URL else []),
            *filter(None, text("WORKBENCH_OIDC_ORIGINS").split(",")),
        ],
        "frame-ancestors": ["'none'"],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
if flag("WORKBENCH_HTTPS"):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = True
    SECURE_HSTS_SECONDS = 31_536_000
    SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = flag("WORKBENCH_HSTS_SUBDOMAINS")
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5_000
# Bytes of one uploaded file; what is longer is not read to its end.
UPLOAD_AT_MOST = 20 * 2**20
FILE_UPLOAD_HANDLERS = [
    "governance.uploads.StopsWhenTooLarge",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]

# Hosts, addresses and networks that calls may go to although they are not public; rows in the database add to them.
OUTBOUND_ALLOWED = [one.strip() for one in text("WORKBENCH_OUTBOUND_ALLOWED").split(",") if one.strip()]
CATALOG_ROOT = Path(text("WORKBENCH_CATALOG", str(DATA_DIR / "catalog")))
# Further folders that connections may read, separated like PATH.
CATALOG_FOLDERS = [folder for folder in text("WORKBENCH_CATALOG_FOLDERS").split(os.pathsep) if folder]
# The key that signs the record's checkpoints, and the folder where they leave the database.
RECORD_KEY = text("WORKBENCH_RECORD_KEY")
RECORD_KEY_FILE = Path(text("WORKBENCH_RECORD_KEY_FILE", str(DATA_DIR / ".record_signing_key")))
RECORD_CHECKPOINTS = Path(text("WORKBENCH_RECORD_CHECKPOINTS", str(DATA_DIR / "checkpoints")))
# Further places for the checkpoints: a webhook, and object storage (s3://bucket/folder) with its own endpoint if it is
# not Amazon's; seconds between two rounds.
CHECKPOINT_WEBHOOK = text("WORKBENCH_CHECKPOINT_WEBHOOK")
CHECKPOINT_BUCKET = text("WORKBENCH_CHECKPOINT_BUCKET")
CHECKPOINT_ENDPOINT = text("WORKBENCH_CHECKPOINT_ENDPOINT")
DELIVER_EVERY = 60 if CHECKPOINT_WEBHOOK or CHECKPOINT_BUCKET else 0
# Archives of the record: their folder; the age in days from which entries are archived (0: only on demand); whether the
# database then drops the values.
RECORD_ARCHIVE = Path(text("WORKBENCH_RECORD_ARCHIVE", str(DATA_DIR / "archive")))
RECORD_ARCHIVE_DAYS = number("WORKBENCH_RECORD_ARCHIVE_DAYS", 0)
RECORD_ARCHIVE_DROP = flag("WORKBENCH_RECORD_ARCHIVE_DROP")
ARCHIVE_EVERY = 86_400 if RECORD_ARCHIVE_DAYS else 0
# Seconds between two seals of the record, two readings of all tags, and two looks for permissions that have run out;
# 0 means never.
SEAL_EVERY = number("WORKBENCH_SEAL_EVERY", 60)
TAGS_EVERY = number("WORKBENCH_TAGS_EVERY", 900)
EXPIRY_EVERY = number("WORKBENCH_EXPIRY_EVERY", 300)
# Reminding of open approvals: how often a worker looks, and after how many days a request waits long.
REMIND_EVERY = number("WORKBENCH_REMIND_EVERY", 3600)
REMIND_AFTER_DAYS = number("WORKBENCH_REMIND_AFTER_DAYS", 3)
# Digests of notifications by e-mail: seconds between two rounds; 0 means never.
DIGEST_EVERY = number("WORKBENCH_DIGEST_EVERY", 86_400)
# The outgoing mail server. Without one nothing is sent, and pages say so.
EMAIL_HOST = text("WORKBENCH_EMAIL_HOST")
EMAIL_PORT = number("WORKBENCH_EMAIL_PORT", 587)
EMAIL_HOST_USER = text("WORKBENCH_EMAIL_USER")
EMAIL_HOST_PASSWORD = text("WORKBENCH_EMAIL_PASSWORD")
EMAIL_USE_TLS = flag("WORKBENCH_EMAIL_TLS", default=True)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = text("WORKBENCH_EMAIL_FROM", "workbench@localhost")
# Where people reach the portal, for links in messages.
SITE_URL = text("WORKBENCH_SITE_URL", "http://localhost:8000").rstrip("/")
EXPORT_ROOT = DATA_DIR / "exports"
IMPORT_ROOT = DATA_DIR / "imports"
MLFLOW_TRACKING_URI = text("MLFLOW_TRACKING_URI", f"sqlite:///{DATA_DIR / 'mlflow.db'}")
MLFLOW_ARTIFACTS = DATA_DIR / "mlflow-artifacts"

BROKER_FOLDER = DATA_DIR / "broker"
CELERY_BROKER_URL = text("WORKBENCH_BROKER_URL") or "filesystem://localhost"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
if CELERY_BROKER_URL.startswith("filesystem"):
    for folder in ("queue", "control"):
        (BROKER_FOLDER / folder).mkdir(parents=True, exist_ok=True)
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(BROKER_FOLDER / "queue"),
        "data_folder_out": str(BROKER_FOLDER / "queue"),
        "control_folder": str(BROKER_FOLDER / "control"),
        "polling_interval": 0.2,
    }
else:
    # A broker that is away must not hold up a request: the job row is the truth, the sweep wakes it later.
    CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_connect_timeout": 2, "max_retries": 1}

# What all processes must share: counts of failed logins. Files serve one machine, Redis several.
CACHES: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "governance.sign_in.cache.SharedFileCache",
        "LOCATION": DATA_DIR / "cache",
    }
}
if CELERY_BROKER_URL.startswith(("redis://", "rediss://")):
    CACHES["default"] = {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": CELERY_BROKER_URL,
        "KEY_PREFIX": "workbench",
        "OPTIONS": {"serializer": "governance.sign_in.cache.JSONSerializer"},
    }

REQUESTS_A_MINUTE = number("WORKBENCH_REQUESTS_A_MINUTE", 1200)
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "governance.api.authentication.ActingSessionAuthentication",
        "governance.api.authentication.ActingTokenAuthentication",
    ],
    "DEFAULT_THROTTLE_CLASSES": ["governance.api.throttling.RequestsAMinute"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["governance.api.parsers.StorableJSONParser"],
    "DEFAULT_PAGINATION_CLASS": "governance.api.pagination.NewestFirst",
    "DEFAULT_FILTER_BACKENDS": ["governance.api.filtering.KnownFilters"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "governance.api.problems.problem_handler",
    "PAGE_SIZE": 50,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Workbench API",
    "DESCRIPTION": "Governed data to models that can be answered for: every noun and action of the portal.",
    "VERSION": "1.0.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "governance.api.schema.add_problems",
        "governance.api.schema.add_idempotency",
        "governance.api.schema.add_etags",
        "governance.api.schema.add_summaries",
    ],
    "ENUM_NAME_OVERRIDES": {
        "UseEnum": "governance.uses.Use",
        "ClassificationEnum": ["public", "internal", "confidential", "restricted"],
        "CatalogObjectKindEnum": "workbench.catalogs.models.CatalogObject.Kind",
        "ConnectionEngineEnum": "workbench.catalogs.models.Connection.Engine",
        "EndpointEngineEnum": "workbench.endpoints.models.ModelEndpoint.Engine",
        "SourceKindEnum": "workbench.sheets.definition.KINDS",
        "ApprovalStateEnum": "governance.models.ApprovalRequest.State",
        "JobStateEnum": "governance.models.Job.State",
        "VersionStatusEnum": "workbench.sheets.models.SheetVersion.Status",
        "LabelFormatEnum": "labeling.interchange.formats.CHOICES",
        "FormatEnum": "training.exports.models.Export.Format",
        "GenerationModeEnum": "labeling.generation.models.Mode",
        "TrainingSheetStatusEnum": "labeling.generation.models.TrainingSheet.Status",
        "PairStatusEnum": "labeling.generation.models.QAPair.Status",
        "SettlementWayEnum": "labeling.agreement.models.Settlement.Way",
        "PairOriginEnum": "labeling.generation.models.QAPair.Origin",
        "DatasetStatusEnum": "training.datasets.models.DatasetVersion.Status",
    },
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": text("WORKBENCH_LOG_LEVEL", "WARNING")},
    # A refusal is an answer, not a fault of the site; its traceback would bury what is one.
    "loggers": {"django.request": {"level": "ERROR"}, "django.security.DisallowedHost": {"level": "ERROR"}},
}
