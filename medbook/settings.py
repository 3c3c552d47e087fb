"""Which settings does MedBook run with? Read from the environment; nothing secret has a default."""

import base64
import os
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import environ
import structlog
from celery.schedules import crontab
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent
VAR = Path(os.environ.get("MEDBOOK_VAR", BASE_DIR / "var"))
if "MEDBOOK_ENV" not in os.environ and (VAR / "development.env").exists():
    environ.Env.read_env(VAR / "development.env")

env = environ.FileAwareEnv()


def keys_by_id(text: str) -> dict[int, bytes]:
    """Read "1:base64,2:base64"."""
    pairs = (part.split(":", 1) for part in text.split(",") if part.strip())
    return {int(key_id): base64.b64decode(key) for key_id, key in pairs}


def origin_of(url: str) -> str:
    """Tell the scheme, host and port of an address."""
    return "/".join(url.split("/", 3)[:3])


# Identity

MEDBOOK_ENV = env.str("MEDBOOK_ENV", default="production")
IS_DEVELOPMENT = MEDBOOK_ENV == "development"
DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("DJANGO_SECRET_KEY")
DATA_KEYS = keys_by_id(env.str("MEDBOOK_DATA_KEYS"))
DATA_KEY_ACTIVE = env.int("MEDBOOK_DATA_KEY_ACTIVE")
INDEX_KEYS = keys_by_id(env.str("MEDBOOK_INDEX_KEYS"))
JWT_KEY = base64.b64decode(env.str("MEDBOOK_JWT_KEY"))
VERSION = "0.1.0"

# Apps

INSTALLED_APPS = [
    "medbook.apps.MedBookConfig",
    "medbook.apps.AdminConfig",
    "medbook.encryption",
    "medbook.audit",
    "medbook.idempotency",
    "medbook.outbox",
    "medbook.jobs",
    "medbook.approvals",
    "members",
    "scheduling",
    "billing",
    *(["billing.sandbox"] if IS_DEVELOPMENT else []),
    "appointments",
    "reports",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "axes",
    "csp",
    "django_filters",
    "django_htmx",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "import_export",
    "lucide",
    "rest_framework",
]
AUTH_USER_MODEL = "members.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Web

ROOT_URLCONF = "medbook.urls"
WSGI_APPLICATION = "medbook.wsgi.application"
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1"])
BASE_URL = env.str("BASE_URL", default="http://localhost:8000")
TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXY_COUNT", default=0)
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024  # interface limit of a request body: 1 MiB
FILE_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024

MIDDLEWARE = [
    "medbook.middleware.RequestContextMiddleware",
    "medbook.middleware.BrowserMiddleware",
    "medbook.middleware.RefusalMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "medbook.middleware.ApiMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "medbook.middleware.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "members.adapters.sessions.SessionLifeMiddleware",
    "medbook.middleware.ActorMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "axes.middleware.AxesMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "medbook.context_processors.page_facts",
            ],
            "builtins": [
                f"medbook.templatetags.{name}"
                for name in ("amounts", "icons", "keys", "languages", "requests", "times")
            ],
        },
    },
]
# Answered for the reader when a page shows them; by dotted name, since imports point down.
PAGE_FACTS = {
    "clinic": "appointments.selectors.catalogue.main_clinic",
    "member": "members.selectors.people.member_of",
    "unread": "members.selectors.messages.unread_count",
    "theme": "members.selectors.appearance.theme_of",
    "text_size": "members.selectors.appearance.text_size_of",
}

STATIC_URL = "/static/"
STATIC_ROOT = env.path("STATIC_ROOT", default=VAR / "static")()
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = IS_DEVELOPMENT
WHITENOISE_AUTOREFRESH = IS_DEVELOPMENT  # else every process reads all files as it starts
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},  # nothing is uploaded yet
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if IS_DEVELOPMENT
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

# Languages, time, money

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = "medbook.formats"
USE_I18N = True
USE_TZ = True
TIME_ZONE = env.str("TIME_ZONE", default="Asia/Shanghai")  # of the site; each clinic has its own
CURRENCY = env.str("CURRENCY", default="CNY")

# Data

DATABASE_OPTIONS = {
    "connect_timeout": 2,
    "options": "-c timezone=UTC -c lock_timeout=2s -c idle_in_transaction_session_timeout=30s"
    f" -c statement_timeout={env.str('STATEMENT_TIMEOUT', default='10s')}",
}


def database(url: str) -> dict[str, object]:
    """Describe one connection: persistent, checked before use, with time limits."""
    described = env.db_url_config(url)
    described["OPTIONS"] = {**described.get("OPTIONS", {}), **DATABASE_OPTIONS}
    return {**described, "CONN_MAX_AGE": 600, "CONN_HEALTH_CHECKS": True}


DATABASE_URL = env.str("DATABASE_URL")
DATABASE_REPLICA_URL = env.str("DATABASE_REPLICA_URL", default="")
DATABASES = {
    "default": database(DATABASE_URL),
    "owner": {
        **database(env.str("DATABASE_OWNER_URL", default=DATABASE_URL)),
        "TEST": {"MIRROR": "default"},
    },
}
if DATABASE_REPLICA_URL:
    DATABASES["replica"] = {**database(DATABASE_REPLICA_URL), "TEST": {"MIRROR": "default"}}

# Tables to which the application may add rows, and no more; triggers say the same.
APPEND_ONLY_TABLES = [
    "audit_operationlog",
    "members_pointentry",
    "billing_journalentry",
    "billing_posting",
    "billing_receipt",
    "billing_cashcount",
]

# Personal data

# Every table with a foreign key to one of these people says how it is exported
# ("fields", "nothing" or a selector), and what becomes of its rows when the person is erased
# ("keep", "blank" or "delete", in this order); `of` leads from its rows to the person. A check
# refuses a gap.
PEOPLE = ["members.member", "members.patient", "members.user"]
PERSONAL_DATA: dict[str, dict[str, str]] = {
    "members.member": {"of": "pk", "erasure": "blank"},
    "members.user": {
        "of": "member",
        "erasure": "keep",  # the service closes the account
        "hidden": "password token_version is_superuser is_staff email",
    },
    "members.patient": {"of": "pk", "erasure": "blank"},
    "members.familylink": {
        "of": "member",
        "export": "members.selectors.patients.told_links",
        "erasure": "delete",
    },
    "members.consent": {"of": "member", "erasure": "keep"},
    "members.tierchange": {"of": "member", "erasure": "keep"},
    "members.pointentry": {"of": "member", "erasure": "keep"},
    "members.strike": {"of": "patient booked_by", "erasure": "keep"},
    "members.strikeappeal": {"of": "member", "erasure": "blank"},
    "members.suspension": {"of": "member patient", "erasure": "keep"},
    "members.delivery": {"of": "member", "erasure": "delete"},
    "members.notification": {"of": "member", "erasure": "delete"},
    "members.channelchoice": {"of": "member", "erasure": "delete"},
    "members.tokenfamily": {
        "of": "user__member",
        "erasure": "delete",
        "hidden": "current_token_id",
    },
    "members.browsersession": {
        "of": "user__member",
        "erasure": "delete",
        "hidden": "session",
    },
    "members.calendarfeed": {"of": "member", "erasure": "delete", "hidden": "token_hash"},
    "members.secondfactor": {
        "of": "user__member",
        "erasure": "delete",
        "hidden": "secret last_step credential credential_id sign_count",
    },
    "members.recoverycode": {"of": "user__member", "erasure": "delete", "hidden": "digest"},
    "members.factortries": {"of": "user__member", "export": "nothing", "erasure": "delete"},
    "account.emailaddress": {"of": "user__member", "export": "nothing", "erasure": "delete"},
    "appointments.appointment": {"of": "member patient", "erasure": "blank"},
    "appointments.waitlistentry": {"of": "member patient", "erasure": "keep"},
    "appointments.offer": {"of": "called_off__member entry__member", "erasure": "keep"},
    "billing.invoice": {"of": "member", "erasure": "keep"},
    "billing.invoiceline": {"of": "invoice__member", "erasure": "keep"},
    "billing.payment": {"of": "invoice__member", "erasure": "keep"},
    "billing.refund": {"of": "payment__invoice__member", "erasure": "keep"},
    "billing.quarantine": {"of": "payment__invoice__member", "erasure": "keep"},
    "billing.receipt": {"of": "member patient", "erasure": "keep"},
    "billing.insurancepolicy": {"of": "patient added_by", "erasure": "blank"},
    "billing.claim": {"of": "invoice__member", "erasure": "keep"},
    "billing.journalentry": {"export": "nothing", "erasure": "keep"},
    "billing.settlement": {"export": "nothing", "erasure": "keep"},
    "billing.difference": {"export": "nothing", "erasure": "keep"},
    "billing.cashcount": {"export": "nothing", "erasure": "keep"},
    "audit.operationlog": {"export": "members.selectors.looks.told_looks", "erasure": "keep"},
    # Of staff only
    "scheduling.doctor": {"export": "nothing", "erasure": "keep"},
    "scheduling.leave": {"export": "nothing", "erasure": "keep"},
    "admin.logentry": {"export": "nothing", "erasure": "keep"},
    "members.user_groups": {"export": "nothing", "erasure": "keep"},
    "members.user_user_permissions": {"export": "nothing", "erasure": "keep"},
}
# What else goes into a member's export, by the name of the file; each selector takes the member.
EXPORT_FILES: dict[str, str] = {"appointments.ics": "appointments.selectors.calendar.calendar_of"}
# A TrueType font with Chinese, put into the PDF; without one the reader's own is used.
EXPORT_FONT = env.str("EXPORT_FONT", default="/usr/share/fonts/truetype/wqy/wqy-microhei.ttc")

# Cache and queue

REDIS_URL = env.str("REDIS_URL", default="")
CACHES = {
    "default": {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "medbook",
        "OPTIONS": {
            "SERIALIZER": "django_redis.serializers.json.JSONSerializer",
            "IGNORE_EXCEPTIONS": True,
            "SOCKET_CONNECT_TIMEOUT": 0.5,
            "SOCKET_TIMEOUT": 0.5,
        },
    }
    if REDIS_URL
    else {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "cache_entry",
    },
    "process": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
}

CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default=REDIS_URL or "filesystem://var")
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, object] = (
    {
        "data_folder_in": str(VAR / "broker"),
        "data_folder_out": str(VAR / "broker"),
        "control_folder": str(VAR / "broker-control"),
        "store_processed": False,
        "polling_interval": 0.25,
    }
    if CELERY_BROKER_URL.startswith("filesystem://")
    else {"socket_connect_timeout": 0.5, "socket_timeout": 5}
)
if not IS_DEVELOPMENT and (DEBUG or CELERY_BROKER_URL.startswith("filesystem://")):
    raise ImproperlyConfigured("Production needs REDIS_URL or CELERY_BROKER_URL, and no DEBUG.")
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TIMEZONE = TIME_ZONE
CELERY_ENABLE_UTC = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
# Beat only pokes: what is due is asked of the database, so a missed or doubled poke is harmless.
CELERY_BEAT_SCHEDULE = {
    "outbox": {"task": "medbook.outbox.tasks.dispatch_outbox", "schedule": 10.0},
    "jobs": {"task": "medbook.jobs.tasks.run_jobs", "schedule": 15.0},
    "old jobs": {
        "task": "medbook.jobs.tasks.forget_jobs",
        "schedule": crontab(hour="3", minute="40"),
    },
    "idempotency keys": {
        "task": "medbook.idempotency.tasks.forget_idempotency_keys",
        "schedule": crontab(hour="3", minute="30"),
    },
    "holds": {"task": "appointments.tasks.sweep_expired_holds", "schedule": 15.0},
    "payments": {"task": "billing.tasks.settle_payments", "schedule": 10.0},
    "refunds": {"task": "billing.tasks.send_refunds", "schedule": 15.0},
    "statements": {
        "task": "billing.tasks.fetch_statements",
        "schedule": crontab(hour="6-10", minute="20"),
    },
    "claims": {"task": "billing.tasks.send_claims", "schedule": 15.0},
    "statements of insurers": {
        "task": "billing.tasks.check_insurers",
        "schedule": crontab(hour="6", minute="30"),
    },
    "waitlist": {"task": "appointments.tasks.sweep_waitlist", "schedule": 15.0},
    "missed visits": {"task": "appointments.tasks.sweep_missed_visits", "schedule": 120.0},
    "tiers": {"task": "members.tasks.review_tiers", "schedule": crontab(hour="3", minute="45")},
    "old codes": {
        "task": "members.tasks.forget_old_codes",
        "schedule": crontab(hour="3", minute="50"),
    },
    "messages": {"task": "members.tasks.send_due_messages", "schedule": 15.0},
    "old words": {
        "task": "members.tasks.forget_old_words",
        "schedule": crontab(hour="3", minute="55"),
    },
    "points": {"task": "members.tasks.expire_points", "schedule": crontab(minute="10")},
    "points that expire soon": {
        "task": "members.tasks.announce_expiring_points",
        "schedule": crontab(hour="9", minute="20"),
    },
    "children who come of age": {
        "task": "members.tasks.announce_coming_of_age",
        "schedule": crontab(hour="9", minute="30"),
    },
    "release": {
        "task": "scheduling.tasks.run_nightly_release",
        "schedule": crontab(hour="2", minute="0"),
    },
    "release, again hourly": {
        "task": "scheduling.tasks.run_nightly_release",
        "schedule": crontab(minute="5"),
    },
}

# News between apps, by dotted name, so that the imports keep pointing down

OUTBOX_HANDLERS: dict[str, list[str]] = {
    "appointment.held": [],
    "appointment.booked": ["appointments.notifications.tell_booked"],
    "appointment.cancelled": [
        "appointments.services.points.give_points_back",
        "appointments.notifications.tell_cancelled",
    ],
    "appointment.rescheduled": ["appointments.notifications.tell_rescheduled"],
    "appointment.called_off": [
        "appointments.services.points.give_points_back",
        "appointments.services.replacing.offer_stand_ins",
    ],
    "appointment.expired": [
        "appointments.services.points.give_points_back",
        "appointments.services.offer_answers.wait_on_after_lapse",
    ],
    "appointment.no_show": [
        "appointments.services.strikes.count_missed_visit",
        "appointments.notifications.tell_missed",
    ],
    "appointment.no_show_undone": [
        "appointments.services.strikes.forgive_missed_visit",
        "appointments.notifications.withdraw_missed",
    ],
    "appointment.completed": ["appointments.services.points.award_points"],
    "appointment.paid_too_late": ["appointments.notifications.tell_paid_too_late"],
    "invoice.paid": [
        "appointments.services.payment.confirm_paid_hold",
        "appointments.services.receipts.issue_receipts",
        "appointments.services.points.award_points_for_payment",
    ],
    "claim.cut": [
        "appointments.services.insuring.ask_for_unborne",
        "appointments.notifications.tell_insurer_bears_less",
    ],
    "invoice.given_up": ["appointments.services.points.give_unpaid_points_back"],
    "payment.failed": ["appointments.services.payment.keep_hold_after_failure"],
    "schedule.called_off": ["appointments.services.replacing.end_wishes"],
    "waitlist.ended": ["appointments.notifications.tell_wish_over"],
    "refund.requested": ["billing.notifications.send_asked_refund"],
    "refund.approved": ["billing.notifications.send_asked_refund"],
    "refund.settled": [
        "appointments.services.receipts.issue_refund_receipt",
        "appointments.notifications.tell_refunded",
    ],
    "offer.made": ["appointments.notifications.tell_offered"],
    "offer.lapsed": ["appointments.notifications.tell_offer_lapsed"],
    "payment.refunded": ["appointments.services.points.take_back_awarded_points"],
    "message.waiting": ["members.notifications.send_delivery"],
}
# Handled at once by the process that has committed them, and by the dispatcher where that failed.
OUTBOX_AT_ONCE = ["invoice.paid"]
# Each answers whether a patient still has a use for whom books; the member is None for all.
PATIENT_IN_USE = ["appointments.selectors.visits.has_open_visit"]
# Tells by reference which visits are in places that staff want to give up.
BOOKED_IN = "appointments.selectors.visits.references_in"
# Counts the places of schedules that were used up by a visit, by the schedule's key.
USED_UP_IN = "appointments.selectors.visits.places_used_up"
# Kinds of messages to members, by key; each app words its own.
MESSAGE_KINDS = ["members.rules.messages.KINDS", "appointments.rules.messages.KINDS"]
# Each answers with a translatable sentence while a member's account cannot be erased, else None.
ERASURE_BLOCKED_BY = [
    "appointments.selectors.visits.visits_under_way",
    "appointments.selectors.waitlist.wishes_open",
    "billing.selectors.money_under_way",
]
# Kinds of long work, by key; each is a medbook.jobs.kinds.JobKind.
JOB_KINDS = {
    "export": "members.services.exporting.EXPORT",
    "generation": "scheduling.services.generation.GENERATION",
    "leave": "appointments.services.leave_work.LEAVE",
}
# Each answers with a translatable sentence when something needs attention, else with None.
READINESS_CHECKS = ["scheduling.selectors.releases.overdue_release"]
# Likewise, but told to staff only, since the service itself is in order.
HOME_CHECKS = ["members.selectors.messages.failed_messages"]
# What waits for a person of the staff, by the question that tells, with the page that helps.
STAFF_ERRANDS = {
    "appointments.selectors.leave.stuck_leaves": "admin:leave",
    "medbook.approvals.selectors.waiting_approvals": "admin:approvals_approval_changelist",
    "members.selectors.strikes.open_appeals": "admin:members_strikeappeal_changelist",
    "billing.selectors.waiting_refunds": "admin:billing_refund_changelist",
    "billing.selectors.refunds.refunds_to_decide": "admin:refunds",
    "billing.selectors.refunds.money_to_decide": "admin:quarantines",
    "billing.selectors.settling.open_differences": "admin:settlements",
    "billing.selectors.settling.unclosed_yesterday": "admin:settlements",
}
# What is done once a second person has approved it, by kind.
APPROVAL_KINDS = {"points_adjustment": "members.services.points.carry_out_adjustment"}

# Money

REFUND_LIMIT = Decimal(env.str("REFUND_LIMIT", default="1000"))  # above: two people

# Release

RELEASE_THREADS = env.int("RELEASE_THREADS", default=3)  # each has a connection of its own

# Points

POINTS_ADJUSTMENT_LIMIT = env.int("POINTS_ADJUSTMENT_LIMIT", default=1000)  # above: two people

# Sign-in

AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",  # staff, by user name
    "allauth.account.auth_backends.AuthenticationBackend",  # members, by phone
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "medbook.passwords.LongEnough"},
    {"NAME": "medbook.passwords.NotCommon"},
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
LOGIN_URL = "members:sign_in"
LOGIN_REDIRECT_URL = "appointments:home"
LOGOUT_REDIRECT_URL = "appointments:home"
SESSION_ENGINE = "medbook.sessions"
MEMBER_SESSION = timedelta(days=14)
STAFF_SESSION_IDLE = timedelta(minutes=env.int("STAFF_SESSION_IDLE_MINUTES", default=15))
STAFF_SESSION_LONGEST = timedelta(hours=env.int("STAFF_SESSION_HOURS", default=12))
# In production staff shows a second factor before any page of the workbench.
STAFF_SECOND_FACTOR_REQUIRED = env.bool("STAFF_SECOND_FACTOR_REQUIRED", default=not IS_DEVELOPMENT)
STAFF_DOOR = {
    name: f"members.adapters.staff.{name}" for name in ("may_enter", "first_step", "sign_in")
}
SESSION_COOKIE_AGE = int(MEMBER_SESSION.total_seconds())

ACCOUNT_ADAPTER = "members.adapters.accounts.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"phone"}
ACCOUNT_SIGNUP_FIELDS = ["phone*", "password1*"]
ACCOUNT_PHONE_VERIFICATION_ENABLED = False  # members/services/codes.py does it before signing up
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_RATE_LIMITS = False  # they would put phone numbers into the cache; axes counts instead

# The most codes that leave the house in an hour, over all phones: what a flood can cost.
CODES_PER_HOUR = env.int("CODES_PER_HOUR", default=1000)

AXES_HANDLER = "members.adapters.lockout.LockoutHandler"
AXES_CLIENT_IP_CALLABLE = "members.adapters.lockout.address_of"
AXES_USERNAME_CALLABLE = "members.adapters.lockout.name_of"
AXES_LOCKOUT_CALLABLE = "members.adapters.lockout.answer_locked_out"
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"], "username", "ip_address"]
AXES_FAILURE_LIMIT = 1  # the handler answers whether a pause runs; members/rules/lockout.py says
AXES_COOLOFF_TIME = timedelta(days=1)  # how long failures are kept; the pauses are shorter
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False  # nobody is kept out for good by a stranger
AXES_RESET_ON_SUCCESS = True
AXES_DISABLE_ACCESS_LOG = True  # the operation log has it
AXES_ENABLE_ADMIN = False
AXES_SENSITIVE_PARAMETERS = [
    "username",
    "ip_address",
    "login",
    "phone",
    "code",
    "new_code",
    "old_code",
    "sms_code",
    "document_ending",
    "next",
    "csrfmiddlewaretoken",
]

# API

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["members.api.authentication.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["medbook.api.NobodyUnlessSaid"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["medbook.api_input.StrictJSONParser"],
    "DEFAULT_PAGINATION_CLASS": "medbook.api_pages.CursorPages",
    "DEFAULT_THROTTLE_CLASSES": ["medbook.api_limits.RateLimit"],
    "DEFAULT_METADATA_CLASS": None,
    "DEFAULT_SCHEMA_CLASS": "medbook.api_schema.TrueSchema",
    "EXCEPTION_HANDLER": "medbook.api.problem_response",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "URL_FORMAT_OVERRIDE": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
API_RATE_LIMITS_PER_MINUTE = {"write": 120, "read": 600, "network": 3000}
# The shared count first; where that cache is away, each process counts for itself.
API_RATE_LIMIT_CACHES = ["default", "process"] if REDIS_URL else ["process"]
API_RATE_LIMITED = env.bool("API_RATE_LIMITED", default=True)
SIMPLE_JWT = {
    "ALGORITHM": "HS256",
    "SIGNING_KEY": JWT_KEY,
    "ISSUER": "medbook",
    "AUDIENCE": "medbook-api",
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=5),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=14),
    "USER_ID_FIELD": "uid",
    "USER_ID_CLAIM": "sub",
}

SPECTACULAR_SETTINGS = {
    "TITLE": "MedBook API",
    "DESCRIPTION": "Find doctors, see free places, book and cancel.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "medbook.api_schema.share_answers",
    ],
    "ENUM_NAME_OVERRIDES": {
        "AppointmentState": "appointments.choices.AppointmentState",
        "DifferenceKind": "billing.choices.DifferenceKind",
        "Gateway": "billing.choices.Gateway",
        "InvoiceState": "billing.choices.InvoiceState",
        "JobState": "medbook.jobs.choices.JobState",
        "LeaveReason": "scheduling.choices.LeaveReason",
        "LeaveState": "scheduling.choices.LeaveState",
        "PaymentState": "billing.choices.PaymentState",
        "PolicyState": "billing.choices.PolicyState",
        "RefundReason": "billing.choices.RefundReason",
        "RefundState": "billing.choices.RefundState",
        "SaleState": "scheduling.choices.SaleState",
        "SettlementState": "billing.choices.SettlementState",
        "SlotState": "appointments.api.serializers.SHOWN_SLOT_STATES",
    },
}

# Mail

vars().update(env.email_url("EMAIL_URL", default="consolemail://"))
EMAIL_TIMEOUT = 10  # seconds
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="MedBook <no-reply@localhost>")

# SMS: the sandbox sends nothing; http posts to SMS_URL, signed with SMS_KEY

SMS_GATEWAY = env.str("SMS_GATEWAY", default="sandbox")
SMS_URL = env.str("SMS_URL", default="")
SMS_KEY = env.str("SMS_KEY", default="")

# Payment gateways, by code: each is off until all its keys are there. The sandbox is a bank of our
# own, which moves no money: 32 bytes of Ed25519 for each of the two parties, and where the bank is.

SANDBOX_GATEWAY_KEY = base64.b64decode(env.str("SANDBOX_GATEWAY_KEY", default=""))
SANDBOX_MERCHANT_KEY = base64.b64decode(env.str("SANDBOX_MERCHANT_KEY", default=""))
SANDBOX_URL = env.str("SANDBOX_URL", default="")
PAYMENT_GATEWAYS: dict[str, str] = {}
PAYMENT_ORIGINS: list[str] = []  # to which a payer may be sent
if IS_DEVELOPMENT and SANDBOX_URL:
    PAYMENT_GATEWAYS["sandbox"] = "billing.gateways.sandbox.SandboxGateway"
    PAYMENT_ORIGINS.append(origin_of(SANDBOX_URL))

ALIPAY_GATEWAY = env.str("ALIPAY_GATEWAY", default="https://openapi.alipay.com/gateway.do")
ALIPAY_PAGE = env.str("ALIPAY_PAGE", default="page")  # "wap" is Alipay's page for phones
ALIPAY_APP_ID = env.str("ALIPAY_APP_ID", default="")
ALIPAY_SELLER_ID = env.str("ALIPAY_SELLER_ID", default="")
ALIPAY_PRIVATE_KEY = env.str("ALIPAY_PRIVATE_KEY", default="", multiline=True)  # ours, PEM
ALIPAY_PUBLIC_KEY = env.str("ALIPAY_PUBLIC_KEY", default="", multiline=True)  # Alipay's, PEM
if ALIPAY_APP_ID and ALIPAY_SELLER_ID and ALIPAY_PRIVATE_KEY and ALIPAY_PUBLIC_KEY:
    PAYMENT_GATEWAYS["alipay"] = "billing.gateways.alipay.AlipayGateway"
    PAYMENT_ORIGINS.append(origin_of(ALIPAY_GATEWAY))

WECHATPAY_MCHID = env.str("WECHATPAY_MCHID", default="")
WECHATPAY_APPID = env.str("WECHATPAY_APPID", default="")
WECHATPAY_CERT_SERIAL = env.str("WECHATPAY_CERT_SERIAL", default="")
WECHATPAY_PRIVATE_KEY = env.str("WECHATPAY_PRIVATE_KEY", default="", multiline=True)  # ours, PEM
WECHATPAY_APIV3_KEY = env.str("WECHATPAY_APIV3_KEY", default="")
WECHATPAY_PUBLIC_KEY_ID = env.str("WECHATPAY_PUBLIC_KEY_ID", default="")
WECHATPAY_PUBLIC_KEY = env.str("WECHATPAY_PUBLIC_KEY", default="", multiline=True)  # theirs, PEM
if (
    WECHATPAY_MCHID
    and WECHATPAY_APPID
    and WECHATPAY_CERT_SERIAL
    and WECHATPAY_PRIVATE_KEY
    and WECHATPAY_APIV3_KEY
    and WECHATPAY_PUBLIC_KEY_ID
    and WECHATPAY_PUBLIC_KEY
):
    PAYMENT_GATEWAYS["wechatpay"] = "billing.gateways.wechatpay.WeChatPayGateway"

# Insurers, by code: the sandbox bears a part of fees, and is where the bank is.

INSURERS: dict[str, str] = {}
if IS_DEVELOPMENT and SANDBOX_URL:
    INSURERS["sandbox"] = "billing.insurers.sandbox.SandboxInsurer"

# Security

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "medbook.views.csrf_failure"
if not IS_DEVELOPMENT:
    SESSION_COOKIE_NAME = "__Host-sessionid"
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_NAME = "__Host-csrftoken"
    CSRF_COOKIE_SECURE = True
    LANGUAGE_COOKIE_SECURE = True
    SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=True)
    SECURE_REDIRECT_EXEMPT = [r"^livez$", r"^readyz$"]
    SECURE_HSTS_SECONDS = 365 * 24 * 3600
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    if TRUSTED_PROXY_COUNT:
        SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "object-src": [NONE],
    }
}

# Logging: JSON lines with the request id; routes instead of addresses, so no personal data

structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {
            "()": structlog.stdlib.ProcessorFormatter,
            "processors": [
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.TimeStamper(fmt="iso"),
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
            "foreign_pre_chain": [
                structlog.contextvars.merge_contextvars,
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
            ],
        },
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["stderr"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {
        # Below these levels they name addresses; RequestContextMiddleware writes the access line.
        "django.request": {"level": "ERROR"},
        "django.security": {"level": "ERROR"},
        "axes": {"level": "CRITICAL"},
        "celery": {"level": "WARNING"},
        "kombu": {"level": "ERROR"},
    },
}
